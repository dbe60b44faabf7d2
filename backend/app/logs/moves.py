"""Moving an organisation's records: from a pool to partitions of its own, and between stores.

What is done is written down in the config database, a partition at a time, so that a move that was
cut off goes on where it was. See docs/adr/0011.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from app.core.errors import Conflict, Unavailable
from app.core.scope import Scope
from app.logstore.moving import BATCH_RECORDS, Numbers, Removal, Stock, Tally
from app.logstore.partitions import Home, period_bounds
from app.logstore.places import LEAD_NS, OWN, Assignment, Places, is_shared
from app.streams.known_places import READERS_FRESH_SECONDS
from app.streams.selectors import TO_OWN, Move, assignments_of, list_moves
from app.streams.services import (
    advance_move,
    begin_move,
    forget_expired_moves,
    next_period_ns,
    place,
)

COPYING, EMPTYING, DONE = "copying", "emptying", "done"

# A request that was sent before its sender learned of a move is answered by then, or never.
_REQUEST_SECONDS = 60.0
_SEARCH_SECONDS = 20.0
# A store that does not answer, or takes nothing, is tried again for so long, so often.
AWAY_SECONDS = 120.0
_PAUSE_SECONDS = 1.0
# A store may show records a little later than others with higher numbers: so many are looked at
# again.
_IN_DISORDER = 10_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long others may go on with what they knew before a step was written down.

    `writers_seconds`: shippers; `readers_seconds`: whoever searches. Both are 0 when nobody else
    uses the store.
    """

    writers_seconds: float
    readers_seconds: float

    @classmethod
    def of(cls, places_held_seconds: float) -> Patience:
        """That of an installation in use."""
        return cls(
            writers_seconds=places_held_seconds + _REQUEST_SECONDS,
            readers_seconds=2 * READERS_FRESH_SECONDS + _SEARCH_SECONDS,
        )


class Progress(Protocol):
    """Tells whoever waits how far it is."""

    def say(self, text: str) -> None:
        """One line."""
        ...

    def bar(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A bar that is moved by so many records."""
        ...


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves the records of one organisation."""

    scope: Scope
    progress: Progress
    batch_records: int = BATCH_RECORDS
    sleep: Callable[[float], None] = time.sleep

    def to_own(self, stock: Stock, patience: Patience, *, now_ns: int) -> int:
        """From pools to the organisation's own partitions, inside one store that others use; how
        many records. Of periods that have ended: what comes in now stays where it is, and is moved
        when its period is over."""
        forget_expired_moves(self.scope, now_ns=now_ns)
        shared = [home for home in stock.homes(self.scope.org_id) if is_shared(home)]
        self._place_own({home.retention_class for home in shared}, now_ns)
        for home in shared:
            if not _has_ended(home, now_ns):
                self.progress.say(f"{home.name} is still written to: move it when it is over")
        moves = self._begun(TO_OWN, [home for home in shared if _has_ended(home, now_ns)])
        removals = {
            move: self._removal(stock, move.home, stock, self._own(move.home)) for move in moves
        }
        copying = [move for move in moves if move.phase == COPYING]
        emptying = [move for move in moves if move.phase == EMPTYING]
        began = time.monotonic()
        if copying:
            self._wait(patience.readers_seconds, "every search has learned of the move")
        copied = {move: self._copied(move, removals[move], above=-1) for move in copying}
        if copying:
            left = began + patience.writers_seconds - time.monotonic()
            self._wait(left, "every shipper has learned of the move")
        for move in copying:
            self._require_unchanged(TO_OWN, move)
            through = self._copied(move, removals[move], above=copied[move] - _IN_DISORDER)
            found = self._verified(TO_OWN, replace(move, through=through), removals[move])
            emptying.append(found)
            removals[found] = removals[move]
        if emptying:
            self._wait(patience.readers_seconds, "every search looks at the new place")
        return sum(self._empty(TO_OWN, move, removals[move]) for move in emptying)

    def between(self, route: str, source: Stock, target: Stock) -> int:
        """From one store to another, to where the organisation's records belong there; how many."""
        places = Places(assignments_of(self.scope))
        moved = 0
        for begun in self._begun(route, source.homes(self.scope.org_id)):
            removal = self._removal(source, begun.home, target, self._belonging(places, begun.home))
            move = begun
            if move.phase == COPYING:
                through = self._copied(move, removal, above=-1)
                move = self._verified(route, replace(move, through=through), removal)
            moved += self._empty(route, move, removal)
        return moved

    def _copied(self, move: Move, removal: Removal, *, above: int) -> int:
        """Copies what came in after a number; the number of the last one."""
        numbers = Numbers(above, removal.highest())
        mark = move.mark if removal.source is removal.target else ""
        self._count("copying", removal, numbers, lambda: removal.copy(numbers, mark=mark))
        return numbers.through

    def _begun(self, route: str, homes: Iterable[Home]) -> list[Move]:
        """The moves of these partitions, and those that were cut off."""
        unfinished = {one.home for one in list_moves(self.scope, route) if one.phase != DONE}
        return [begin_move(self.scope, route, home) for home in sorted(unfinished.union(homes))]

    def _require_unchanged(self, route: str, move: Move) -> None:
        """Whoever was faster has turned the move: copies would not be hidden any more."""
        if move not in list_moves(self.scope, route):
            raise Conflict(f"somebody else moves {move.home.name}")

    def _verified(self, route: str, move: Move, removal: Removal) -> Move:
        """Counts and compares; from then on the copies count."""
        tally, there = self._compared(removal, Numbers(through=move.through))
        self.progress.say(
            f"{move.home.name}: {tally.records} records, all found in {removal.new_home.name}, which"
            f" has {there} (digest {tally.digest})"
        )
        found = replace(move, records=tally.records, digest=tally.digest)
        return advance_move(self.scope, route, found, to=EMPTYING)

    def _empty(self, route: str, move: Move, removal: Removal) -> int:
        numbers = Numbers(through=move.through)
        removed = self._count("emptying", removal, numbers, lambda: removal.empty(numbers))
        advance_move(self.scope, route, move, to=DONE)
        left = removal.source.count(self.scope.org_id, move.home)
        if left:
            self.progress.say(f"{move.home.name}: {left} records came in late: move them as well")
        return removed

    def _compared(self, removal: Removal, numbers: Numbers) -> tuple[Tally, int]:
        """What was found at the new place, and how many records there are."""
        outage = _Outage(self)
        while True:
            try:
                tally = removal.verify(numbers)
                return tally, removal.target.count(self.scope.org_id, removal.new_home)
            except Unavailable as error:
                outage.wait(error)

    def _count(
        self, doing: str, removal: Removal, numbers: Numbers, begin: Callable[[], Iterable[int]]
    ) -> int:
        """Takes the steps, from the first one on where a store was away."""
        outage = _Outage(self)
        done = 0
        while True:
            reached = 0
            try:
                total = removal.source.count(self.scope.org_id, removal.home, numbers)
                with self.progress.bar(f"{doing} {removal.home.name}", total) as move_by:
                    for step in begin():
                        done += step
                        reached += step
                        move_by(step)
                        outage.went_on(reached)
            except Unavailable as error:
                outage.wait(error)
            else:
                return done

    def _removal(self, source: Stock, home: Home, target: Stock, new_home: Home) -> Removal:
        return Removal(self.scope.org_id, source, home, target, new_home, self.batch_records)

    def _own(self, home: Home) -> Home:
        return home._replace(pool=str(self.scope.org_id))

    def _belonging(self, places: Places, home: Home) -> Home:
        start_ns, _ = period_bounds(home.period)
        return places.home_of(self.scope.org_id, home.retention_class, start_ns)

    def _place_own(self, classes: Iterable[int], now_ns: int) -> None:
        """Says that what comes in goes to own partitions, from the next period on."""
        places = Places(assignments_of(self.scope))
        for days in sorted(classes):
            from_ns = next_period_ns(days, now_ns)
            if is_shared(places.home_of(self.scope.org_id, days, from_ns)):
                place(self.scope, Assignment(days, from_ns, OWN), reason="operator", now_ns=now_ns)

    def _wait(self, seconds: float, until: str) -> None:
        if seconds > 0:
            self.progress.say(f"waiting {seconds:.0f} s, until {until}")
            self.sleep(seconds)


class _Outage:
    """A store that is away while a step is taken: waits for it, but not for ever."""

    def __init__(self, mover: Mover) -> None:
        self._mover = mover
        self._began: float | None = None
        self._furthest = 0

    def wait(self, error: Unavailable) -> None:
        """Something failed because of it; raises that when it has been away for too long."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        if now - self._began >= AWAY_SECONDS:
            raise error
        self._mover.progress.say(f"{error.detail}: trying again")
        self._mover.sleep(_PAUSE_SECONDS)

    def went_on(self, reached: int) -> None:
        """It is there: it has come further than ever before."""
        if reached > self._furthest:
            self._furthest = reached
            self._began = None


def _has_ended(home: Home, now_ns: int) -> bool:
    """Whether nothing is received for the partition any more, on any clock."""
    return period_bounds(home.period)[1] + LEAD_NS <= now_ns


def route_of(places: Sequence[str]) -> str:
    """The name of a way between stores, under which its moves are written down."""
    return ">".join(places)
