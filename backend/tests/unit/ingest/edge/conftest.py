"""Fixtures of the edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from tests.unit.ingest.edge.server import ALICES_KEY, Served, served


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("journal")) as running:
        yield running


@pytest.fixture
def edge(_running: Served) -> Served:
    """A running edge whose journal seems empty."""
    return replace(_running, after=_running.journal.state().last_number)


@pytest.fixture
def alice(edge: Served) -> Iterator[httpx.Client]:
    with edge.client(Authorization=f"ApiKey {ALICES_KEY}") as client:
        yield client
