"""Making streams, saying where records go, and writing down how far a move of records is."""

from __future__ import annotations

import re
from dataclasses import replace

from django.db import IntegrityError

from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import run_atomic
from app.core.errors import Conflict, Invalid
from app.core.scope import Scope, system_scope
from app.logstore.measuring import Scales
from app.logstore.partitions import Home, expires_ns, period_bounds, period_of
from app.logstore.places import LEAD_NS, OWN, Assignment
from app.logstore.types import DEFAULT_STREAM, NS_PER_DAY, RETENTION_CLASSES
from app.streams.engine.placing import Decision, decide
from app.streams.models import Phase, Placement, RecordMove, Stream
from app.streams.selectors import Move, everybodys_places, move_of
from app.users.selectors import list_organisation_ids

# One spelling for each number: by another name the same pool would be another one.
_POOL = re.compile(r"pool(0|[1-9][0-9]{0,5})")


def add_default_stream(scope: Scope) -> None:
    """The stream that every organisation has, made with it; kept as long as RETENTION_DAYS says."""
    Stream.objects.create_for(scope, name=DEFAULT_STREAM)


def next_period_ns(retention_class: int, now_ns: int) -> int:
    """The start of the first period of a class that is far enough away to be decided about."""
    return period_bounds(period_of(retention_class, now_ns + LEAD_NS))[1]


def place(scope: Scope, assignment: Assignment, *, reason: str, now_ns: int) -> bool:
    """Says where records go from the start of a coming period on; `False` when somebody else has
    said something about that period first, which then holds."""
    retention_class, from_ns, pool = assignment
    if retention_class not in RETENTION_CLASSES:
        raise Invalid(f"there is no retention class of {retention_class} days")
    if pool != OWN and not _POOL.fullmatch(pool):
        raise Invalid(f"{pool!r} is no pool")
    if period_bounds(period_of(retention_class, from_ns))[0] != from_ns:
        raise Invalid("records go elsewhere from the start of a period on")
    if from_ns < next_period_ns(retention_class, now_ns):
        raise Conflict("that period has begun, or begins too soon for everybody to learn of it")

    def work() -> None:
        row = Placement.objects.create_for(
            scope, retention_class=retention_class, from_ns=from_ns, pool=pool, reason=reason
        )
        said = {"retention_class": retention_class, "from_ns": from_ns, "pool": pool}
        record(scope, action="records_placed", subject=("placement", row.id), after=said)

    try:
        run_atomic(work)
    except IntegrityError:
        return False
    return True


def place_by_size(scales: Scales, *, now_ns: int) -> list[Decision]:
    """Decides by the last day's records who gets partitions of its own, or moves on to another
    pool, from the next period on; what was decided. Any number may do so at once."""
    organisations = list_organisation_ids()
    measured = scales.measure(organisations, now_ns - NS_PER_DAY, now_ns)
    decisions = decide(measured, everybodys_places(), lambda days: next_period_ns(days, now_ns))
    return [
        one
        for one in decisions
        if place(
            system_scope(one.org_id, "placement"), one.assignment, reason=one.reason, now_ns=now_ns
        )
    ]


def begin_move(scope: Scope, route: str, home: Home) -> Move:
    """The move of a partition as it stands, begun now if it was not, or was done before: then with
    another mark, since the copies of the run before are no longer hidden."""
    rows = RecordMove.objects.for_scope(scope)
    place_ = {
        "route": route,
        "retention_class": home.retention_class,
        "pool": home.pool,
        "period": home.period,
    }
    row = rows.filter(**place_).first()
    if row is None:
        try:
            return move_of(RecordMove.objects.create_for(scope, **place_))
        except IntegrityError:
            row = rows.get(**place_)
    if row.phase == Phase.DONE:
        rows.filter(pk=row.pk, phase=Phase.DONE, run=row.run).update(
            phase=Phase.COPYING, run=row.run + 1, changed_at=utc_now()
        )
        row = rows.get(pk=row.pk)
    return move_of(row)


def advance_move(scope: Scope, route: str, move: Move, *, to: str) -> Move:
    """The move in its next phase; `Conflict` when it is not in the phase that the caller saw."""
    home = move.home

    def work() -> None:
        rows = RecordMove.objects.for_scope(scope).filter(
            route=route,
            retention_class=home.retention_class,
            pool=home.pool,
            period=home.period,
        )
        changes = {
            "phase": to,
            "records": move.records,
            "through": move.through,
            "digest": move.digest,
        }
        if rows.filter(phase=move.phase).update(**changes, changed_at=utc_now()) != 1:
            raise Conflict(f"somebody else moves {home.name}")
        if to == Phase.DONE:
            said = {"route": route, "partition": home.name, "records": move.records}
            row_id = rows.values_list("pk", flat=True)[0]
            record(scope, action="records_moved", subject=("record_move", row_id), after=said)

    run_atomic(work)
    return replace(move, phase=to)


def forget_expired_moves(scope: Scope, *, now_ns: int) -> int:
    """Forgets the moves of partitions that are gone because their retention is over; how many."""
    rows = RecordMove.objects.for_scope(scope)
    gone = [row.pk for row in rows if now_ns >= expires_ns(move_of(row).home)]
    return rows.filter(pk__in=gone).delete()[0] if gone else 0
