"""What can be done with logs: a quarantined entry is repaired and sent again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError

from app.audit.services import record as record_audit
from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.db import run_atomic
from app.core.errors import Conflict, NotFound, Unavailable
from app.core.ids import uuid7_run
from app.core.scope import Permission, Scope
from app.journal.batch import Batch, encode
from app.journal.keeper import Keeper
from app.journal.process import keeper
from app.logs.metrics import ENTRIES_REPLAYED
from app.logs.models import Replay
from app.logs.process import log_search
from app.logs.repair import RepairedLine, repaired_line
from app.logs.selectors import ReplayMark, entry_key, mark_of
from app.logstore.types import QUARANTINE_STREAM, StoredRecord

REPLAY_PROTOCOL = "replay"
# Entries are kept for 14 days: a mark of this age has none any more.
MARK_LIFETIME = timedelta(days=60)
WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.02
# In these protocols an `id` inside the record is an ordinary attribute.
_IDS_BESIDE = frozenset({"es_bulk"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """An entry that was sent again. `is_indexed`: its record is found by every process by now;
    `None` when nobody asked."""

    mark: ReplayMark
    stream: str
    is_indexed: bool | None


def get_entry(scope: Scope, *, entry_id: str) -> StoredRecord:
    """The quarantined entry with this id; `NotFound` for other records too."""
    entry = log_search().get_record(scope, record_id=entry_id)
    if entry.stream != QUARANTINE_STREAM:
        raise NotFound("there is no quarantined entry with this id")
    return entry


def replay_entry(
    scope: Scope,
    *,
    entry_id: str,
    text: str | None,
    waits: bool,
    clock: Clock = SYSTEM_CLOCK,
) -> Replayed:
    """Sends an entry's line again, as it came or as `text`, to the stream it was meant for.

    Once per entry: `Conflict` with code `already_replayed` afterwards. `Invalid` while the line
    cannot be read. A replay that was cut off is finished by the next call, which has to have the
    same text or none; the id of its record makes that harmless.
    """
    scope.require(Permission.EDIT)
    entry = get_entry(scope, entry_id=entry_id)
    begun = Replay.objects.for_scope(scope).filter(entry_key=entry_key(entry_id)).first()
    if text is None:
        text = begun.text if begun and begun.text else str(entry.attributes.get("raw", ""))
    repaired = repaired_line(text)
    is_mine = begun is None
    if begun is None:
        begun, is_mine = _claim(scope, entry, text=text, repaired=repaired, clock=clock)
    _check_same(begun, text)
    kept_by = keeper()
    try:
        number = kept_by.keep([encode(_batch(scope, entry, repaired, begun, clock=clock))])
    except Unavailable:
        if is_mine:
            Replay.objects.for_scope(scope).filter(pk=begun.pk, done_at=None).delete()
        raise
    mark = _finish(scope, begun, entry_id=entry_id, clock=clock)
    return Replayed(
        mark=mark,
        stream=_stream_of(entry),
        is_indexed=_is_indexed(kept_by, number, clock=clock) if waits else None,
    )


def _claim(
    scope: Scope, entry: StoredRecord, *, text: str, repaired: RepairedLine, clock: Clock
) -> tuple[Replay, bool]:
    """(the mark, whether it was made here): of two at once one makes it, both have it."""
    key = entry_key(entry.id)
    now = _now(clock)
    mine = Replay.objects.for_scope(scope)
    mine.filter(begun_at__lt=now - MARK_LIFETIME).delete()
    try:
        made = run_atomic(
            lambda: Replay.objects.create_for(
                scope,
                entry_key=key,
                record_id=_record_id(entry, repaired),
                text=text,
                actor_kind=scope.actor.kind.value,
                actor_id=scope.actor.id,
                begun_at=now,
            )
        )
    except IntegrityError:
        return mine.get(entry_key=key), False
    return made, True


def _check_same(begun: Replay, text: str) -> None:
    if begun.done_at is not None:
        raise Conflict(
            f"this entry was replayed already, as the record {begun.record_id!r}",
            code="already_replayed",
        )
    if begun.text != text:
        raise Conflict(
            "a replay with another text was begun; send none to finish that one",
            code="replay_unfinished",
        )


def _batch(
    scope: Scope, entry: StoredRecord, repaired: RepairedLine, begun: Replay, *, clock: Clock
) -> Batch:
    now_ns = clock.now_ns()
    # The shipper reads an id of the record's own from the line, and says what is in its place.
    is_own = begun.record_id == _own_id(entry, repaired)
    return Batch(
        org_id=scope.org_id,
        received_ns=now_ns,
        first_id=uuid7_run(now_ns // 1_000_000),
        protocol=REPLAY_PROTOCOL,
        lines=[repaired.line],
        stream=_stream_of(entry),
        ids=None if is_own else [begun.record_id],
    )


def _record_id(entry: StoredRecord, repaired: RepairedLine) -> str:
    """The id that its sender gave the record, else one that follows from the entry's."""
    sent_id = entry.attributes.get("sent_id")
    if isinstance(sent_id, str):
        return sent_id
    return _own_id(entry, repaired) or f"replay-{entry_key(entry.id)}"


def _own_id(entry: StoredRecord, repaired: RepairedLine) -> str | None:
    return None if entry.attributes.get("source") in _IDS_BESIDE else repaired.own_id


def _stream_of(entry: StoredRecord) -> str:
    stream = entry.attributes.get("stream")
    return stream if isinstance(stream, str) else ""


def _finish(scope: Scope, begun: Replay, *, entry_id: str, clock: Clock) -> ReplayMark:
    """Marks the entry; whoever is first also writes the audit entry."""
    mine = Replay.objects.for_scope(scope)

    def finish() -> bool:
        mark = mine.filter(entry_key=begun.entry_key).first()
        if mark is None:
            # Whoever began it together with us took the mark back, having found no room.
            mark = Replay.objects.create_for(
                scope,
                entry_key=begun.entry_key,
                record_id=begun.record_id,
                begun_at=begun.begun_at,
            )
        changed = mine.filter(pk=mark.pk, done_at=None).update(
            done_at=_now(clock),
            text="",
            actor_kind=scope.actor.kind.value,
            actor_id=scope.actor.id,
        )
        if changed == 1:
            record_audit(
                scope,
                action="quarantine_entry_replayed",
                subject=("quarantine_entry", mark.pk),
                after={"entry_id": entry_id, "record_id": begun.record_id},
            )
        return changed == 1

    if run_atomic(finish):
        ENTRIES_REPLAYED.inc()
    return mark_of(mine.get(entry_key=begun.entry_key))


def _is_indexed(kept_by: Keeper, number: int, *, clock: Clock) -> bool:
    deadline = clock.monotonic() + WAIT_SECONDS
    while not kept_by.is_found(number):
        if clock.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _now(clock: Clock) -> datetime:
    """For database columns, cut to milliseconds, which every database keeps."""
    return datetime.fromtimestamp(clock.now_ns() // 1_000_000 / 1_000, UTC)
