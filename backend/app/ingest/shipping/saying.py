"""What the shipper says of itself: its status beside the journal, and how far behind it is."""

from __future__ import annotations

import os
from dataclasses import replace

import structlog

from app.core.clock import Clock
from app.core.errors import ElkError
from app.ingest.shipping import metrics
from app.journal.journal import Journal
from app.journal.status import ShipperStatus, write_status
from app.logstore.types import NS_PER_SECOND

log = structlog.get_logger(__name__)


class Saying:
    """Belongs to a shipper."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        now_ns = clock.now_ns()
        self._status = ShipperStatus(os.getpid(), "running", now_ns, now_ns)

    def committed(self, state: str) -> None:
        """A commit went well; it is said with the next words."""
        self._status = replace(self._status, state=state, last_commit_ns=self._clock.now_ns())

    def say(self, *, state: str | None = None, error: str | None = None) -> None:
        """Writes the status down, with what has changed of it; where that fails all goes on."""
        now_ns = self._clock.now_ns()
        self._status = replace(self._status, state=state or self._status.state, updated_ns=now_ns)
        if error is not None:
            self._status = replace(self._status, last_error=error, last_error_ns=now_ns)
        try:
            write_status(self._journal.directory, self._status)
            journal = self._journal.state()
        except (OSError, ElkError) as failure:
            log.warning("shipper_status_unwritten", error=str(failure))
            return
        metrics.LAG_ENTRIES.set(journal.entries)
        oldest_ns = now_ns if journal.oldest_ns is None else journal.oldest_ns
        metrics.LAG_SECONDS.set(max(0, now_ns - oldest_ns) / NS_PER_SECOND)
