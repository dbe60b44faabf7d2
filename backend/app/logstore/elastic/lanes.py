"""Records for an index that refuses, kept apart so that all others go on.

A lane belongs to one index (an operator's block, a disk that is full, a shard on no node). What is
in it is in the journal too: `LogWriter.commit` names the first entry that has a record in a lane, and
from there on nothing is trimmed. Entries behind it are stored and seen as ever. A lane is tried again
at commits, with growing pauses of its own. Together lanes are bounded in bytes; when they are full no
entry is taken any more until an index has taken its records, and the journal keeps what comes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from app.logstore.elastic.sending import Item
from app.logstore.types import Position

MAX_BYTES = 64 << 20
_FIRST_NAP_SECONDS = 0.5
_LONGEST_NAP_SECONDS = 30.0


class Lane:
    """What waits for one index."""

    def __init__(self, now: float) -> None:
        self.items: list[Item] = []
        self._nap = _FIRST_NAP_SECONDS
        self._due = now + self._nap

    def is_due(self, now: float) -> bool:
        """Whether it is time to try again."""
        return now >= self._due

    def failed(self, now: float) -> None:
        """It was tried, and the index refuses still."""
        self._nap = min(_LONGEST_NAP_SECONDS, self._nap * 2)
        self._due = now + self._nap * random.uniform(0.5, 1.0)  # noqa: S311 — no secret


class Lanes:
    """All lanes of a shipper."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._bytes = 0

    def __contains__(self, index: str) -> bool:
        return index in self._lanes

    @property
    def is_full(self) -> bool:
        """Whether no more records may come."""
        return self._bytes >= MAX_BYTES

    @property
    def indices(self) -> tuple[str, ...]:
        """The indices that refuse."""
        return tuple(sorted(self._lanes))

    def add(self, items: Iterable[Item], now: float) -> None:
        """Takes records whose index refuses."""
        for item in items:
            self._lanes.setdefault(item.index, Lane(now)).items.append(item)
            self._bytes += len(item.lines)

    def take_due(self, now: float, *, everything: bool = False) -> list[Item]:
        """What is to be tried again; it comes back through `failed` or is stored."""
        due = [index for index, lane in self._lanes.items() if everything or lane.is_due(now)]
        taken: list[Item] = []
        for index in due:
            taken += self._lanes[index].items
            self._lanes[index].items = []
        self._bytes -= sum(len(item.lines) for item in taken)
        return taken

    def failed(self, items: Sequence[Item], now: float) -> None:
        """These were tried and refused again."""
        self.add(items, now)
        for index in {item.index for item in items}:
            self._lanes[index].failed(now)

    def forget_empty(self) -> None:
        """Lets go of the lanes whose index took everything."""
        self._lanes = {index: lane for index, lane in self._lanes.items() if lane.items}

    def clear(self) -> None:
        """Drops everything: it will be appended again."""
        self._lanes.clear()
        self._bytes = 0

    def items(self) -> Iterator[Item]:
        """Everything that waits."""
        for lane in self._lanes.values():
            yield from lane.items

    def first(self, journal: str) -> Position | None:
        """The first entry of a journal that has a record here."""
        waiting = [item.position for item in self.items() if item.position.journal == journal]
        return min(waiting, default=None)
