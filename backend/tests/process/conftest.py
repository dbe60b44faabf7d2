"""Services that the tests of processes share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

from tests.process.deployment import Deployment, Services
from tests.process.service import Service, report

# Whose tests run one after the other in one process, for they share what one of them starts: those of
# a file do anyway. In this order, so that what takes long is not begun last.
_TOGETHER = (
    ("test_jobs",),
    ("test_production_kills", "test_production_endings", "test_through", "test_backlog"),
    ("test_elastic_trouble", "test_elastic_privileges"),
    ("test_moves",),
    ("test_endings",),
    ("test_elastic_periods",),
    ("test_kills",),
)


def _group_of(file: str) -> str:
    name = Path(file).stem
    return next((group[0] for group in _TOGETHER if name in group), name)


class _Grouped(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _group_of(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Grouped | None:
    """`--dist=loadfile` with several files for one."""
    return _Grouped(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    order = {group[0]: number for number, group in enumerate(_TOGETHER)}
    items.sort(key=lambda item: order.get(_group_of(item.path.name), len(order)))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service for the tests of one file that leave it running."""
    service = Service(tmp_path_factory.mktemp("data"))
    try:
        service.start()
        yield service
    finally:
        service.close()


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, not started, over an empty directory."""
    service = Service(tmp_path / "data")
    try:
        yield service
    finally:
        service.close()
        # pytest shows it when the test failed.
        report(service.told)


@pytest.fixture(scope="session")
def killable_services() -> Iterator[Services]:
    """Real services of this run's own, started once; whoever kills one starts it again."""
    services = Services()
    try:
        services.start()
        yield services
    finally:
        services.remove()


@pytest.fixture
def deployment(killable_services: Services, tmp_path: Path) -> Iterator[Deployment]:
    """Every process of ours in front of them, started and well."""
    deployment = Deployment(killable_services, tmp_path / "data")
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()
