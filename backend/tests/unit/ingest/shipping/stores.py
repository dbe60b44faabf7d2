"""Stores that do not take what they are given, or count what they are asked."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

from typing_extensions import override

from app.core.errors import Unavailable
from app.logstore.memory.store import MemoryStore
from app.logstore.types import AppendReport, Position, Rejected, RoutedRecord, StoreHealth


class HoldingStore(MemoryStore):
    """A part of it takes no records for now: those with this in their message."""

    def __init__(self, held: str) -> None:
        super().__init__()
        self.holds = True
        self.commits = 0
        self._what = held
        self._back: list[tuple[Position, RoutedRecord]] = []

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        held = [record for record in records if self._what in record.message]
        self._back += [(position, record) for record in held]
        super().append([one for one in records if one not in held], position=position)
        return AppendReport(stored=len(records), repeated=0)

    @override
    def health(self) -> StoreHealth:
        return StoreHealth("degraded", "memory", detail=f"{len(self._back)} records wait")

    @override
    def commit(self) -> Position | None:
        self.commits += 1
        super().commit()
        if self.holds:
            return min((position for position, _ in self._back), default=None)
        self._pending += [record for _, record in self._back]
        self._back = []
        super().commit()
        return None

    @override
    def waiting(self, journal: str) -> Set[int]:
        return {position.number for position, _ in self._back if position.journal == journal}

    @override
    def let_go(self) -> None:
        super().let_go()
        self._back = []


class LosingStore(HoldingStore):
    """Cannot take the first entry with `large` in it, and lets go of what is held with it: that has to
    come again before anything behind it."""

    def __init__(self, held: str) -> None:
        super().__init__(held)
        self.has_lost = False
        self._first_lost: int | None = None

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        if self._first_lost is not None and position.number > self._first_lost:
            raise Unavailable("append again from the last trimmed position")
        self._first_lost = None
        if not self.has_lost and "large" in records[0].message:
            self.has_lost = True
            self._first_lost = min(held.number for held, _ in self._back)
            super().let_go()
            raise Unavailable("busy")
        return super().append(records, position=position)

    @override
    def commit(self) -> Position | None:
        if self._first_lost is not None:
            raise Unavailable("append again from the last trimmed position")
        return super().commit()

    @override
    def let_go(self) -> None:
        super().let_go()
        self._first_lost = None


class CountingStore(MemoryStore):
    """Counts calls."""

    def __init__(self) -> None:
        super().__init__()
        self.appends = self.maintained = 0
        # How many entries had been appended at each commit.
        self.appended_at_commits: list[int] = []

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        report = super().append(records, position=position)
        self.appends += 1
        return report

    @override
    def commit(self) -> Position | None:
        self.appended_at_commits.append(self.appends)
        return super().commit()

    @override
    def maintain(self, now_ns: int) -> None:
        super().maintain(now_ns)
        self.maintained += 1


class DatedStore(MemoryStore):
    """Remembers the retention class of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: dict[str, int] = {}

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        self.classes.update({record.message: record.retention_class for record in records})
        return super().append(records, position=position)


class FlakyStore(MemoryStore):
    """Refuses the first calls; a refused commit forgets what was appended."""

    def __init__(self, *, appends_refused: int = 0, commits_refused: int = 0) -> None:
        super().__init__()
        self.appends_refused = appends_refused
        self.commits_refused = commits_refused

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        if self.appends_refused:
            self.appends_refused -= 1
            raise Unavailable("down")
        return super().append(records, position=position)

    @override
    def commit(self) -> None:
        if self.commits_refused:
            self.commits_refused -= 1
            self._pending, self._pending_positions = [], {}
            raise Unavailable("down")
        super().commit()


class PickyStore(MemoryStore):
    """Never takes records of stream `default` with this in their message."""

    def __init__(self, unwanted: str) -> None:
        super().__init__()
        self._unwanted = unwanted

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        rejected = tuple(
            Rejected(index, "too_odd", "nobody wants it")
            for index, record in enumerate(records)
            if self._is_unwanted(record)
        )
        bad = {one.index for one in rejected}
        good = [record for index, record in enumerate(records) if index not in bad]
        report = super().append(good, position=position)
        return AppendReport(report.stored, report.repeated, rejected)

    def _is_unwanted(self, record: RoutedRecord) -> bool:
        is_bound = record.stream == "default" or not self._unwanted
        return self._unwanted in record.message and is_bound


class StrictStore(PickyStore):
    """Never takes what has this in its message, in quarantine neither."""

    @override
    def _is_unwanted(self, record: RoutedRecord) -> bool:
        return self._unwanted in record.message


class ForgetfulStore(PickyStore):
    """Unavailable for the first quarantine entries, and what waited for a commit is gone then."""

    def __init__(self, unwanted: str, *, refusals: int) -> None:
        super().__init__(unwanted)
        self.refusals = refusals

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        if self.refusals and all(record.stream == "_quarantine" for record in records):
            self.refusals -= 1
            self._pending, self._pending_positions = [], {}
            raise Unavailable("down")
        return super().append(records, position=position)


class TouchyStore(MemoryStore):
    """Fails in a way that nobody foresaw on records with this in their message; if it is tame, not
    in quarantine."""

    def __init__(self, unwanted: str, *, step: str, is_tame: bool = True) -> None:
        super().__init__()
        self._unwanted = unwanted
        self._step = step
        self._is_tame = is_tame

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        report = super().append(records, position=position)
        self._meet("append")
        return report

    @override
    def commit(self) -> None:
        self._meet("commit")
        super().commit()

    def _meet(self, step: str) -> None:
        for record in self._pending:
            is_met = self._unwanted in record.message and step == self._step
            if is_met and (record.stream == "default" or not self._is_tame):
                raise ZeroDivisionError(record.message)


class BrokenForNow(MemoryStore):
    """Fails in a way that nobody foresaw on whatever it gets, so often or until it is mended."""

    def __init__(self, *, failures: float = math.inf) -> None:
        super().__init__()
        self.is_broken = True
        self.refused = 0
        self._failures = failures

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        if self.is_broken and self.refused < self._failures:
            self.refused += 1
            raise ZeroDivisionError
        return super().append(records, position=position)
