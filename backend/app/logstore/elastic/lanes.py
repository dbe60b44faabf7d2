"""Records for an index that refuses, kept apart so that all others go on.

A lane belongs to one index (an operator's block, a disk that is full, a shard on no node). What is
in it is in the journal too: `LogWriter.waiting` names the entries that have a record in a lane, and they
stay there. Entries behind them are stored and seen as ever. A lane is tried again
at commits with a few of its records, with growing pauses of its own.

Lanes together are bounded in bytes, but for the first record of each, with which it is tried. What
does not fit is let go, but not forgotten: its entry stays in the journal like the others, and is
appended again once its index has taken the lane's records.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.core.clock import SYSTEM_CLOCK
from app.logstore.elastic import metrics
from app.logstore.elastic.sending import Item
from app.logstore.types import Position

MAX_BYTES = 64 << 20
_FIRST_NAP_SECONDS = 0.5
_LONGEST_NAP_SECONDS = 30.0
_TRIED_ITEMS = 100
_TRIED_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a lane looks like from outside."""

    index: str
    reason: str
    since_ns: int
    records: int
    bytes: int


class Lane:
    """What waits for one index."""

    def __init__(self, now: float) -> None:
        self.items: list[Item] = []
        self.reason = ""
        self.since_ns = SYSTEM_CLOCK.now_ns()
        # The entries of each journal that have a record here, let go or not.
        self.entries: dict[str, set[int]] = {}
        # Those of which something was let go, and how many records that were.
        self.let_go: dict[str, set[int]] = {}
        self.records_let_go = 0
        self._nap = _FIRST_NAP_SECONDS
        self._due = now + self._nap

    def note(self, position: Position) -> None:
        """A record of this entry waits here."""
        self.entries.setdefault(position.journal, set()).add(position.number)

    def is_due(self, now: float) -> bool:
        """Whether it is time to try again."""
        return now >= self._due

    def failed(self, now: float) -> None:
        """It was tried, and the index refuses still."""
        self._nap = min(_LONGEST_NAP_SECONDS, self._nap * 2)
        self._due = now + self._nap * random.uniform(0.5, 1.0)  # noqa: S311 — no secret

    def first(self) -> list[Item]:
        """A few of the records, enough to see whether the index takes them."""
        chosen: list[Item] = []
        left = _TRIED_BYTES
        for item in self.items[:_TRIED_ITEMS]:
            left -= len(item.lines)
            if chosen and left < 0:
                break
            chosen.append(item)
        return chosen


class Lanes:
    """All lanes of a shipper."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._lanes: dict[str, Lane] = {}
        self._max_bytes = max_bytes
        self._bytes = 0
        # What lanes let go whose index takes records again: it has to be appended anew.
        self._wanted_again: dict[str, set[int]] = {}

    def __contains__(self, index: str) -> bool:
        return index in self._lanes

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The indices that refuse, and what waits for them."""
        return tuple(
            Waiting(
                index,
                lane.reason,
                lane.since_ns,
                len(lane.items) + lane.records_let_go,
                sum(len(item.lines) for item in lane.items),
            )
            for index, lane in sorted(self._lanes.items())
        )

    def add(self, items: Iterable[Item], now: float, *, reason: str = "") -> None:
        """Takes records whose index refuses, and lets go of those for which there is no room."""
        for item in items:
            lane = self._lane(item.place, now)
            lane.reason = reason or lane.reason
            if lane.items and self._bytes + len(item.lines) > self._max_bytes:
                self.let_go(item.place, item.position, now)
            else:
                lane.note(item.position)
                lane.items.append(item)
                self._bytes += len(item.lines)

    def let_go(self, index: str, position: Position, now: float, *, reason: str = "") -> None:
        """A record of this entry is not kept; it waits for this index all the same."""
        lane = self._lane(index, now)
        lane.reason = reason or lane.reason
        lane.note(position)
        lane.let_go.setdefault(position.journal, set()).add(position.number)
        lane.records_let_go += 1
        metrics.LET_GO.inc()

    def due(self, now: float) -> list[str]:
        """The indices that are to be tried again."""
        return [index for index, lane in self._lanes.items() if lane.is_due(now)]

    def first_of(self, index: str) -> list[Item]:
        """Records to try an index with; they stay here."""
        return self._lanes[index].first()

    def failed(self, index: str, now: float) -> None:
        """The index was tried and refuses still."""
        if index in self._lanes:
            self._lanes[index].failed(now)

    @property
    def has_let_go(self) -> bool:
        """Whether an index is back of which not all that waited was kept."""
        return bool(self._wanted_again)

    def opened(self, index: str) -> list[Item]:
        """The index takes records again: what waited for it."""
        lane = self._lanes.pop(index)
        self._bytes -= sum(len(item.lines) for item in lane.items)
        for journal, numbers in lane.let_go.items():
            self._wanted_again.setdefault(journal, set()).update(numbers)
        return lane.items

    def index_of(self, key: str) -> str | None:
        """The index that the record of an `_id` waits for, if it waits here."""
        return next((item.place for item in self.items() if item.key == key), None)

    def clear(self) -> None:
        """Drops everything: it will be appended again."""
        self._lanes.clear()
        self._wanted_again.clear()
        self._bytes = 0

    def items(self) -> Iterator[Item]:
        """Everything that is kept."""
        for lane in self._lanes.values():
            yield from lane.items

    def numbers(self, journal: str) -> set[int]:
        """The entries of a journal that have a record here, or one that was let go."""
        return set().union(*self._numbers(journal))

    def first(self, journal: str) -> Position | None:
        """The first of those entries."""
        number = min(map(min, self._numbers(journal)), default=None)
        return None if number is None else Position(journal, number)

    def _numbers(self, journal: str) -> list[set[int]]:
        """Kept for each lane, whose records leave it together: they may be hundreds of thousands."""
        known = (self._wanted_again, *(lane.entries for lane in self._lanes.values()))
        return [entries[journal] for entries in known if journal in entries]

    def _lane(self, index: str, now: float) -> Lane:
        lane = self._lanes.get(index)
        if lane is None:
            lane = self._lanes[index] = Lane(now)
        return lane
