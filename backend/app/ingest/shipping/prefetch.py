"""Reads and normalises the next journal entries while the store commits the ones before.

Not while it appends them: two threads that both hold the interpreter all the time do not run at
once. Worse, an append lets go of the interpreter at every record, and gets it back from a thread
that computes only after a whole switch interval.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.core.errors import ElkError
from app.ingest.shipping.preparing import Prepared, Preparing
from app.journal.journal import Entry, Journal

log = structlog.get_logger(__name__)

READ_BYTES = 4 << 20
# Small entries are handed over together: what a store looks up for one it can for all of them.
TOGETHER_RECORDS = 1_000
# A normalised record takes some ten times its bytes: so much waits at most, and one entry more.
MAX_WAITING_RECORDS = 60_000
MAX_WAITING_BYTES = 32 << 20
POLL_SECONDS = 0.02


class Prefetch:
    """A thread that keeps a few entries ready, in order."""

    def __init__(
        self, journal: Journal, preparing: Preparing, *, after: int, through: int | None = None
    ) -> None:
        """Entries behind `after`, and none behind `through` where there is one."""
        self._journal = journal
        self._preparing = preparing
        self._after = after
        self._through = through
        self._ready: deque[Prepared] = deque()
        self._ready_records = self._ready_bytes = 0
        self._is_awaited = self._is_ahead = False
        # Whether the journal has no more for now, or ever up to `through`.
        self._is_out = self._is_through = False
        self._failure: Exception | None = None
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="shipper-prefetch", daemon=True)
        self._thread.start()

    def take(self, *, timeout_seconds: float) -> list[Prepared]:
        """The next entries, in order; none when there are none in time. Raises what the journal
        raised."""
        with self._changed:
            if not self._is_enough():
                self._is_awaited = True
                self._changed.notify_all()
                self._changed.wait_for(self._is_worth_taking, timeout_seconds)
                self._is_awaited = False
            if not self._ready and self._failure is not None:
                raise self._failure
            return self._taken()

    @property
    def is_done(self) -> bool:
        """Whether everything up to `through` was taken."""
        with self._changed:
            return self._is_through and not self._ready

    @contextmanager
    def running_ahead(self) -> Iterator[None]:
        """Entries are prepared while the caller waits for something else inside."""
        self._run_ahead(is_ahead=True)
        try:
            yield
        finally:
            self._run_ahead(is_ahead=False)

    def close(self) -> None:
        """Ends the thread; what is ready is forgotten."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _is_enough(self) -> bool:
        return self._ready_records >= TOGETHER_RECORDS

    def _is_worth_taking(self) -> bool:
        is_last = self._is_out and bool(self._ready)
        return self._is_enough() or is_last or self._failure is not None

    def _taken(self) -> list[Prepared]:
        taken: list[Prepared] = []
        records = 0
        while self._ready and records < TOGETHER_RECORDS:
            prepared = self._ready.popleft()
            taken.append(prepared)
            records += len(prepared.made.records)
            self._ready_bytes -= prepared.payload_bytes
        self._ready_records -= records
        return taken

    def _run_ahead(self, *, is_ahead: bool) -> None:
        with self._changed:
            self._is_ahead = is_ahead
            self._changed.notify_all()

    def _is_let_go_on(self) -> bool:
        """Waits until another entry may be prepared; `False` when none will be."""
        with self._changed:
            self._changed.wait_for(self._may_go_on)
            return not self._is_closing

    def _may_go_on(self) -> bool:
        if self._is_closing:
            return True
        if self._is_ahead:
            return (
                self._ready_records < MAX_WAITING_RECORDS and self._ready_bytes < MAX_WAITING_BYTES
            )
        return self._is_awaited and not self._is_enough()

    def _run(self) -> None:
        try:
            while not self._is_closing:
                entries = self._read()
                self._note_out(is_out=not entries)
                for entry in entries:
                    if not self._is_let_go_on():
                        return
                    self._prepare(entry)
                if not entries:
                    time.sleep(POLL_SECONDS)
        except ElkError as error:
            self._fail(error)
        except Exception as error:
            log.exception("shipper_read_failed")
            self._fail(error)

    def _read(self) -> list[Entry]:
        entries = self._journal.read(self._after, max_bytes=READ_BYTES)
        if self._through is None:
            return entries
        return [entry for entry in entries if entry.number <= self._through]

    def _note_out(self, *, is_out: bool) -> None:
        with self._changed:
            self._is_out = is_out
            self._is_through = is_out and self._through is not None
            if is_out:
                self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        """Whoever asks next is told."""
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _prepare(self, entry: Entry) -> None:
        self._after = entry.number
        prepared = self._preparing(entry)
        if prepared is None:
            return
        with self._changed:
            self._ready.append(prepared)
            self._ready_records += len(prepared.made.records)
            self._ready_bytes += prepared.payload_bytes
            self._changed.notify_all()
