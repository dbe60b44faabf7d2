"""The end of every process in front of real services, also of those that hang."""

from __future__ import annotations

import time

from tests.process.deployment import SETTLE_SECONDS, Deployment
from tests.process.programs import STOP_SECONDS, wait_until
from tests.process.senders import Senders
from tests.process.service import report

GAVE_UP = 2


def test_every_process_ends_in_time_and_what_it_took_is_found(deployment: Deployment) -> None:
    senders = Senders(deployment.tenant, "e", seed=1, pause_seconds=0.05)
    senders.wait_for(100)
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
    senders.wait_for(200)
    senders.end(SETTLE_SECONDS)
    deployment.wait_until_found()
    senders.check(deployment.marks())


def test_a_store_that_hangs_holds_no_end_up(deployment: Deployment) -> None:
    senders = Senders(deployment.tenant, "h", seed=1, pause_seconds=0.1)
    senders.wait_for(100)
    deployment.services.elastic.hang()
    try:
        time.sleep(2)
        health = wait_until(
            lambda: (
                deployment.health(deployment.ingest)["checks"]["elasticsearch"]["status"] == "down"
            ),
            SETTLE_SECONDS,
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
    senders.end(SETTLE_SECONDS)
    deployment.wait_until_found()
    senders.check(deployment.marks())
