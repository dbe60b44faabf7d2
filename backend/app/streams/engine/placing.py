"""Who shares partitions with whom from the next period on, by what everybody brings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from app.core.ids import OrgId
from app.logstore.measuring import Measured
from app.logstore.places import OWN, Assignment, Places, is_shared

# An organisation has its own partitions when it brings so much in a day.
OWN_BYTES = 1_000_000_000
# Or such a part of all records, if that is more than a handful: a tenth of little is little.
OWN_PART = 0.1
OWN_LEAST_RECORDS = 100_000
# A pool's organisations are divided among two when a period has so much.
POOL_BYTES = 30_000_000_000


class Decision(NamedTuple):
    """Where an organisation's records go, and why: `size` or `full`."""

    org_id: OrgId
    assignment: Assignment
    reason: str


def decide(
    measured: Sequence[Measured],
    places: Mapping[OrgId, Places],
    next_start_ns: Callable[[int], int],
) -> list[Decision]:
    """What to write down, given a day's records. `next_start_ns`: when the next period of a class
    begins that can still be decided about. Nobody is put back into a pool, and nobody for whom that
    period has been decided about is decided about again."""
    decisions: list[Decision] = []
    for days in sorted({one.home.retention_class for one in measured}):
        of_class = [one for one in measured if one.home.retention_class == days]
        decisions += _of_class(of_class, places, days, next_start_ns(days))
    return decisions


def _of_class(
    measured: Sequence[Measured], places: Mapping[OrgId, Places], days: int, from_ns: int
) -> list[Decision]:
    records: defaultdict[OrgId, int] = defaultdict(int)
    sizes: defaultdict[OrgId, float] = defaultdict(float)
    for one in measured:
        for org_id, count in one.recent.items():
            records[org_id] += count
            sizes[org_id] += count * one.bytes / max(1, one.records)
    shared = {
        org_id: pool
        for org_id in records
        if (pool := _pool_of(org_id, places.get(org_id, Places()), days, from_ns)) is not None
    }
    total = sum(records.values())
    leaving = {org_id for org_id in shared if _is_large(sizes[org_id], records[org_id], total)}
    decisions = [
        Decision(org_id, Assignment(days, from_ns, OWN), "size") for org_id in sorted(leaving)
    ]
    staying = {org_id: pool for org_id, pool in shared.items() if org_id not in leaving}
    decisions += [
        Decision(org_id, Assignment(days, from_ns, pool), "full")
        for org_id, pool in _divided(measured, staying, sizes)
    ]
    decided = {
        org_id
        for org_id in shared
        if any(
            (one.retention_class, one.from_ns) == (days, from_ns)
            for one in places.get(org_id, Places()).assignments
        )
    }
    return [one for one in decisions if one.org_id not in decided]


def _pool_of(org_id: OrgId, places: Places, days: int, from_ns: int) -> str | None:
    """The pool that the organisation will be in; `None` when it has its own partitions by then."""
    home = places.home_of(org_id, days, from_ns)
    return home.pool if is_shared(home) else None


def _is_large(size: float, records: int, total: int) -> bool:
    is_much = records > OWN_PART * total and records >= OWN_LEAST_RECORDS
    return is_much or size > OWN_BYTES


def _divided(
    measured: Sequence[Measured], staying: Mapping[OrgId, str], sizes: Mapping[OrgId, float]
) -> list[tuple[OrgId, str]]:
    """Who goes to another pool, and to which, so that a full pool is left by half of what comes."""
    full = {one.home.pool for one in measured if is_shared(one.home) and one.bytes > POOL_BYTES}
    used = {*staying.values(), *(one.home.pool for one in measured if is_shared(one.home))}
    number = max((int(pool.removeprefix("pool")) for pool in used), default=0)
    moved: list[tuple[OrgId, str]] = []
    for pool in sorted(full):
        here = [org_id for org_id, its in staying.items() if its == pool]
        if len(here) < 2:
            continue  # nobody to be parted from
        number += 1
        kept = left = 0.0
        # The largest first, each to the lighter side: the two come out about alike.
        for org_id in sorted(here, key=lambda one: (-sizes[one], one)):
            if left < kept:
                left += sizes[org_id]
                moved.append((org_id, f"pool{number}"))
            else:
                kept += sizes[org_id]
    return moved
