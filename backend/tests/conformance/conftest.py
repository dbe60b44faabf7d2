"""The stores that the tests of this folder run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.pairs import OTHERS, Pair
from tests.conformance.stores import (
    ELASTIC_HOSTS,
    ELASTIC_RUN,
    STORES,
    Store,
    StoreKind,
)
from tests.elastic_indices import delete_indices

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks all as those of the stores, and the ones on a real server as that too."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        item.add_marker(pytest.mark.stores)
        if "[elastic" in item.nodeid:
            item.add_marker(pytest.mark.elastic)


@pytest.fixture(scope="session", autouse=True)
def _no_indices_left() -> Iterator[None]:
    yield
    if ELASTIC_HOSTS:
        delete_indices(ELASTIC_RUN)


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
    opened.remove()


@pytest.fixture(scope="module", params=OTHERS, ids=lambda kind: kind.name)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The oracle beside each other store."""
    opened = Pair(request.param, tmp_path_factory.mktemp("pair"))
    yield opened
    opened.close()
