"""Services that the tests of processes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.deployment import Deployment, Services
from tests.process.service import Service, report


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
