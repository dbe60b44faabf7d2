"""In which pool, or own partition, the records of an organisation are.

Small organisations share partitions; others have their own. Which one holds from the start of a
period on, is written down well before that period begins, and is never changed afterwards: so where
a record belongs follows from organisation, retention class and receive time alone, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from app.core.ids import OrgId
from app.logstore.partitions import (
    FIRST_POOL,
    SENT_ID_MEMORY_NS,
    Home,
    period_bounds,
    period_of,
)
from app.logstore.types import NS_PER_SECOND, RETENTION_CLASSES

# What an assignment says instead of a pool's name.
OWN = "own"

# Assignments are written so long before they begin to hold, at least: longer than anybody goes on
# with what they read before, and than clocks differ.
LEAD_NS = 3_600 * NS_PER_SECOND


class Assignment(NamedTuple):
    """From a receive time on, the start of a period, records of a class go to this pool, or OWN."""

    retention_class: int
    from_ns: int
    pool: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the records of one organisation are. Without an assignment: in the first pool.

    `moved`: shared partitions of which records were moved, or are being moved, to the
    organisation's own partition of that period: a record may be in either.
    """

    assignments: tuple[Assignment, ...] = ()
    moved: frozenset[Home] = frozenset()

    def home_of(self, org_id: OrgId, retention_class: int, observed_ns: int) -> Home:
        """The partition that a record is written to."""
        latest: Assignment | None = None
        for one in self.assignments:
            if (
                one.retention_class == retention_class
                and one.from_ns <= observed_ns
                and (latest is None or one.from_ns > latest.from_ns)
            ):
                latest = one
        pool = FIRST_POOL if latest is None else latest.pool
        return Home(
            retention_class,
            str(org_id) if pool == OWN else pool,
            period_of(retention_class, observed_ns),
        )

    def with_twin(self, org_id: OrgId, home: Home) -> list[Home]:
        """The partition, and the own one that records of it were moved to."""
        return [home, home._replace(pool=str(org_id))] if home in self.moved else [home]

    def remembering(self, org_id: OrgId, home: Home, observed_ns: int) -> list[Home]:
        """Every partition in which a sent id may be known at this receive time, of any class."""
        homes = self.with_twin(org_id, home)
        for days in RETENTION_CLASSES:
            start, end = period_bounds(period_of(days, observed_ns))
            near = [observed_ns]
            if observed_ns - start < SENT_ID_MEMORY_NS:
                near.append(start - 1)
            # What another shipper took in later it may have stored earlier.
            if end - observed_ns <= SENT_ID_MEMORY_NS:
                near.append(end)
            for one in near:
                homes += self.with_twin(org_id, self.home_of(org_id, days, one))
        return list(dict.fromkeys(homes))


# Asked for every entry, so it remembers; `Unavailable` when it cannot tell.
PlaceDirectory = Callable[[OrgId], Places]

_SHARED = Places()


def all_shared(_org_id: OrgId) -> Places:
    """The directory of an installation in which everybody is in the first pool."""
    return _SHARED


class Emptied(NamedTuple):
    """A shared partition whose records, as far as they have numbers up to this one, have been
    copied and are being removed. What came in later has higher numbers."""

    home: Home
    through: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """What questions of an organisation leave out while its records are being moved.

    `marks`: copies that carry one of these, because the originals are still there.
    """

    marks: tuple[str, ...] = ()
    emptied: tuple[Emptied, ...] = ()


# Asked for every question, so it remembers; `Unavailable` when it cannot tell.
HiddenDirectory = Callable[[OrgId], Hidden]

_NOTHING = Hidden()


def nothing_hidden(_org_id: OrgId) -> Hidden:
    """The directory of an installation in which nothing is being moved."""
    return _NOTHING


def is_shared(home: Home) -> bool:
    """Whether a partition is a pool's: organisations are named by UUIDs."""
    return home.pool.startswith("pool")
