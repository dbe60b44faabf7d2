"""Fixtures of the edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.unit.ingest.edge.server import ALICES_KEY, Served, served


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "journal") as running:
        yield running


@pytest.fixture
def alice(edge: Served) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=edge.url, headers={"Authorization": f"ApiKey {ALICES_KEY}"}
    ) as client:
        yield client
