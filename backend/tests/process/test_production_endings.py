"""The end of every process in front of real services, also of those that hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.deployment import SETTLE_SECONDS, Deployment, Services
from tests.process.programs import STOP_SECONDS, wait_until
from tests.process.senders import Sender
from tests.process.service import report

GAVE_UP = 2


@pytest.fixture
def deployment(killable_services: Services, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(killable_services, tmp_path / "data")
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()


def test_every_process_ends_in_time_and_what_it_took_is_found(deployment: Deployment) -> None:
    stop = threading.Event()
    sender = Sender("e", deployment.tenant, 1, stop, pause_seconds=0.05)
    sender.start()
    time.sleep(1.5)
    took = {}
    for program in reversed(deployment.programs):
        took[program.arguments[1]] = round(program.stop(), 2)
    report(f"seconds to the end: {took}")
    assert len(took) == len(deployment.programs)
    assert max(took.values()) < STOP_SECONDS
    for program in deployment.programs:
        assert "Traceback" not in program.told
        program.start()
    deployment.api.wait_until_answering()
    deployment.ingest.wait_until_answering()
    time.sleep(0.5)
    stop.set()
    sender.join(SETTLE_SECONDS)
    assert sender.trouble is None
    deployment.wait_until_found()
    assert len(sender.ledger.acknowledged) > 200
    sender.ledger.check(deployment.marks())


def test_a_store_that_hangs_holds_no_end_up(deployment: Deployment) -> None:
    stop = threading.Event()
    sender = Sender("h", deployment.tenant, 1, stop, pause_seconds=0.1)
    sender.start()
    time.sleep(1.5)
    deployment.services.elastic.hang()
    try:
        time.sleep(2)
        health = wait_until(
            lambda: (
                deployment.health(deployment.ingest)["checks"]["elasticsearch"]["status"] == "down"
            ),
            10,
        )
        before = time.monotonic()
        deployment.shipper.ask_to_stop()
        status = deployment.shipper.wait()
        took = time.monotonic() - before
        api = deployment.api.stop()
    finally:
        deployment.services.elastic.go_on()
    report(
        f"noticed after {health:.1f} s; the shipper ended with {status} after {took:.1f} s,"
        f" the API after {api:.1f} s"
    )
    assert took < STOP_SECONDS
    assert status in (0, GAVE_UP)
    assert api < STOP_SECONDS
    deployment.shipper.start()
    deployment.api.start()
    deployment.api.wait_until_answering()
    stop.set()
    sender.join(SETTLE_SECONDS)
    assert sender.trouble is None
    deployment.wait_until_found()
    sender.ledger.check(deployment.marks())
