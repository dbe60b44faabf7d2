"""Reads and normalises the next journal entries while the store commits the ones before.

Not while it appends them: two threads that both hold the interpreter all the time do not run at
once. Worse, an append lets go of the interpreter at every record, and gets it back from a thread
that computes only after a whole switch interval.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from app.core.errors import ElkError
from app.ingest.decisions import Decisions
from app.ingest.metrics import ENTRIES_SET_ASIDE
from app.ingest.normalise import Normalised, normalise
from app.journal.batch import Batch, decode
from app.journal.journal import Entry, Journal

log = structlog.get_logger(__name__)

T = TypeVar("T")

READ_BYTES = 4 << 20
# Small entries are handed over together: what a store looks up for one it can for all of them.
TOGETHER_RECORDS = 1_000
# A normalised record takes some ten times its bytes: so much waits at most, and one entry more.
MAX_WAITING_RECORDS = 60_000
MAX_WAITING_BYTES = 32 << 20
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Prepared:
    """A journal entry, ready for the store: `made.records[i]` was made of `batch.lines[i]`."""

    number: int
    payload_bytes: int
    batch: Batch
    made: Normalised


class Prefetch:
    """A thread that keeps a few entries ready, in order."""

    def __init__(self, journal: Journal, decisions: Decisions, *, after: int) -> None:
        self._journal = journal
        self._decisions = decisions
        self._after = after
        self._ready: deque[Prepared] = deque()
        self._ready_records = self._ready_bytes = 0
        self._is_awaited = self._is_ahead = False
        # Whether the journal has no more for now.
        self._is_out = False
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
                entries = self._journal.read(self._after, max_bytes=READ_BYTES)
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

    def _note_out(self, *, is_out: bool) -> None:
        with self._changed:
            self._is_out = is_out
            if is_out:
                self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        """Whoever asks next is told."""
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _prepare(self, entry: Entry) -> None:
        self._after = entry.number
        prepared = self._prepared(entry)
        if prepared is None:
            return
        with self._changed:
            self._ready.append(prepared)
            self._ready_records += len(prepared.made.records)
            self._ready_bytes += prepared.payload_bytes
            self._changed.notify_all()

    def _prepared(self, entry: Entry) -> Prepared | None:
        """`None` for an entry that nobody can ever read: it is set aside. Raises what may have
        passed when it is tried again: a version of a later release, a directory that is down."""
        batch = self._read(entry, lambda: decode(entry.payload))
        if batch is None:
            return None
        # What fails here is not about the entry.
        target = self._decisions(batch.org_id, batch.stream, entry.number)
        made = self._read(entry, lambda: normalise(batch, target))
        if made is None:
            return None
        return Prepared(entry.number, len(entry.payload), batch, made)

    def _read(self, entry: Entry, work: Callable[[], T]) -> T | None:
        """What comes of a step that depends on the entry alone; `None` when it is set aside."""
        try:
            return work()
        except (ElkError, MemoryError):
            raise
        except Exception as error:
            log.exception("shipper_entry_unreadable", number=entry.number)
            self._journal.set_aside(entry.number, repr(error))
            ENTRIES_SET_ASIDE.inc()
            return None
