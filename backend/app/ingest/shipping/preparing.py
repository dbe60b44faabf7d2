"""From a journal entry to the records that the store gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from app.core.errors import ElkError
from app.ingest.directory import StreamTarget
from app.ingest.normalising.normalise import Normalised, normalise_or_keep
from app.ingest.normalising.sent_ids import digest_of
from app.ingest.normalising.unexpected import described
from app.ingest.shipping.decisions import Decisions
from app.ingest.shipping.metrics import ENTRIES_SET_ASIDE
from app.ingest.shipping.suspects import Suspects
from app.journal.batch import Batch, decode
from app.journal.journal import Entry, Journal

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A journal entry, ready for the store: `made.records[i]` was made of `batch.lines[i]`."""

    number: int
    payload_bytes: int
    batch: Batch
    made: Normalised


class Preparing:
    """Reads and normalises, for one thread."""

    def __init__(self, journal: Journal, decisions: Decisions, suspects: Suspects) -> None:
        self._journal = journal
        self._decisions = decisions
        self._suspects = suspects

    def __call__(self, entry: Entry) -> Prepared | None:
        """`None` for an entry that nobody can ever read: it is set aside. Raises what may have
        passed when it is tried again: a version of a later release, a directory that is down."""
        batch = self._read(entry, lambda: decode(entry.payload))
        if batch is None:
            return None
        # What fails here is not about the entry.
        target = self._decisions(batch.org_id, batch.stream, entry.number)
        made = self._read(entry, lambda: _made(batch, target))
        if made is None:
            return None
        return Prepared(entry.number, len(entry.payload), batch, made)

    def _read(self, entry: Entry, work: Callable[[], T]) -> T | None:
        """What comes of a step that depends on the entry alone; `None` when it is set aside."""
        try:
            with self._suspects.preparing(entry.number):
                return work()
        except (ElkError, MemoryError):
            raise
        except Exception as error:
            log.exception("shipper_entry_unreadable", number=entry.number)
            self._journal.set_aside(entry.number, described(error))
            ENTRIES_SET_ASIDE.inc()
            return None


def _made(batch: Batch, target: StreamTarget) -> Normalised:
    made = normalise_or_keep(batch, target)
    if batch.again is not None:
        _look_up(batch, made)
    return made


def _look_up(batch: Batch, made: Normalised) -> None:
    """Has the store look for each record under its id, where otherwise the position of its entry
    would say whether it is there: that was another one."""
    made.records[:] = [
        record
        if record.is_sent
        else record._replace(is_sent=True, first_wins=True, digest=digest_of(line))
        for record, line in zip(made.records, batch.lines, strict=True)
    ]
