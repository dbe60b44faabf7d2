"""Questions about streams."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.conf import settings

from app.core.ids import OrgId
from app.core.scope import Scope, system_scope
from app.logstore.partitions import Home
from app.logstore.places import Assignment, Emptied, Hidden, Places
from app.logstore.schema import retention_class
from app.logstore.types import DEFAULT_STREAM, RETENTION_CLASSES
from app.streams.models import Phase, Placement, RecordMove, Stream

# The route of a move inside one store, from a pool to the organisation's own partition.
TO_OWN = "own"


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """Where a record goes, and its retention class in days."""

    name: str
    retention_class: int


def stream_target(org_id: OrgId, name: str) -> StreamTarget | None:
    """The stream of this name; `None` when the organisation has none.

    `default` is always there, whatever became of its row.
    """
    rows = Stream.objects.for_scope(system_scope(org_id, "routing"))
    days = list(rows.filter(name=name).values_list("retention_days", flat=True))
    if not days and name != DEFAULT_STREAM:
        return None
    own = days[0] if days else None
    return StreamTarget(name, retention_class(own or settings.RETENTION_DAYS, RETENTION_CLASSES))


@dataclass(frozen=True, slots=True)
class Move:
    """How far one partition's move is. `mark` is carried by the copies of this run; `through` is the
    highest number of a record that was copied."""

    home: Home
    phase: str
    mark: str
    records: int
    through: int
    digest: str


def list_moves(scope: Scope, route: str) -> list[Move]:
    """Every partition whose records were, or are being, moved on this route."""
    rows = RecordMove.objects.for_scope(scope).filter(route=route)
    return sorted((move_of(row) for row in rows), key=lambda move: move.home)


def move_of(row: RecordMove) -> Move:
    """The facts of a row."""
    home = Home(row.retention_class, row.pool, row.period)
    return Move(home, row.phase, f"{row.id.hex}-{row.run}", row.records, row.through, row.digest)


def organisations_that_moved() -> set[OrgId]:
    """Everybody about whose moves something is written down."""
    ids = RecordMove.objects.of_everybody().values_list("organisation_id", flat=True)
    return {OrgId(one) for one in ids}


def assignments_of(scope: Scope) -> tuple[Assignment, ...]:
    """What was ever said about where the organisation's records go."""
    rows = Placement.objects.for_scope(scope)
    return tuple(sorted(Assignment(row.retention_class, row.from_ns, row.pool) for row in rows))


def everybodys_places() -> dict[OrgId, Places]:
    """Where records are, for every organisation about which there is something to say."""
    assignments: defaultdict[OrgId, list[Assignment]] = defaultdict(list)
    for row in Placement.objects.of_everybody():
        said = Assignment(row.retention_class, row.from_ns, row.pool)
        assignments[OrgId(row.organisation_id)].append(said)
    moved: defaultdict[OrgId, set[Home]] = defaultdict(set)
    for move in RecordMove.objects.of_everybody():
        if move.route == TO_OWN:
            moved[OrgId(move.organisation_id)].add(move_of(move).home)
    return {
        org_id: Places(tuple(sorted(assignments[org_id])), frozenset(moved[org_id]))
        for org_id in assignments.keys() | moved.keys()
    }


def everybodys_hidden() -> dict[OrgId, Hidden]:
    """What is hidden because it is being moved, for every organisation that has some."""
    found: defaultdict[OrgId, tuple[list[str], list[Emptied]]] = defaultdict(lambda: ([], []))
    unfinished = RecordMove.objects.of_everybody().filter(phase__in=[Phase.COPYING, Phase.EMPTYING])
    for row in unfinished:
        if row.route == TO_OWN:
            move = move_of(row)
            marks, emptied = found[OrgId(row.organisation_id)]
            if move.phase == Phase.COPYING:
                marks.append(move.mark)
            elif move.phase == Phase.EMPTYING:
                emptied.append(Emptied(move.home, move.through))
    return {
        org_id: Hidden(tuple(marks), tuple(emptied))
        for org_id, (marks, emptied) in found.items()
        if marks or emptied
    }
