"""The end of a host waits for its journal to be empty, whatever happens meanwhile."""

from __future__ import annotations

import threading

from app.ingest.exclusive import INTAKE_FILE_NAME
from app.ingest.shipping.draining import Draining
from app.ingest.shipping.stopping import NAP_SECONDS, Stop
from app.journal.journal import Journal
from tests.shipping import until


def test_a_drain_goes_on_once_it_can_see_again_who_takes_logs_in(journal: Journal) -> None:
    in_the_way = journal.directory / INTAKE_FILE_NAME
    in_the_way.mkdir()
    stop = Stop()
    draining = Draining(journal, stop)
    threading.Event().wait(4 * NAP_SECONDS)
    assert not stop.is_asked
    in_the_way.rmdir()
    try:
        until(lambda: draining.is_done)
    finally:
        stop.ask()
        draining.close()
