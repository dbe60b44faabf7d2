"""The stores that the tests of this folder run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.pairs import OTHERS, Pair
from tests.conformance.stores import STORES, Store, StoreKind


@pytest.fixture(params=STORES, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> StoreKind:
    """Each implementation in turn."""
    found: StoreKind = request.param
    return found


@pytest.fixture
def store(kind: StoreKind, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store(kind, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=OTHERS, ids=lambda kind: kind.name)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The oracle beside each other store."""
    opened = Pair(request.param, tmp_path_factory.mktemp("pair"))
    yield opened
    opened.close()
