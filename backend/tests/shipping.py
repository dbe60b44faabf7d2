"""The real shipper in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.ingest.shipping.pace import Pace
from app.ingest.shipping.shipper import Parts, Shipper
from app.ingest.shipping.stopping import Stop
from app.journal.journal import Journal
from app.logstore.interface import LogWriter

PATIENCE_SECONDS = 60.0


@contextmanager
def shipping(parts: Parts, pace: Pace) -> Iterator[Stop]:
    """It runs meanwhile, and ends in time."""
    stop = Stop()
    thread = threading.Thread(target=Shipper(parts, pace=pace).run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.ask()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def is_shipped(journal: Journal) -> bool:
    """Whether all that was taken in has been stored."""
    state = journal.state()
    return state.shipped_number == state.last_number


def until(holds: Callable[[], bool], *, seconds_between: float = 0.005) -> None:
    """Waits for what happens in another thread."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(seconds_between)


def commit_all(writer: LogWriter) -> None:
    """Commits until everything is stored: where a server is busy for seconds, records wait."""
    until(lambda: writer.commit() is None, seconds_between=0.05)
