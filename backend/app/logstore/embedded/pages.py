"""One page over several partitions: by @timestamp, then id, then receive time, without ever counting
offsets."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import tantivy
from tantivy import Order, Query

from app.logstore.embedded.compile import all_of, any_of, integers_inclusive, nothing, term
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.partition import Snapshot
from app.logstore.types import Page, SearchPlan, SortKey, StoredRecord, sort_key_of


class Asked(NamedTuple):
    """A partition and the whole query of it."""

    snapshot: Snapshot
    query: Query


class Found(NamedTuple):
    """A match before its record is read."""

    timestamp_ns: int
    snapshot: Snapshot
    address: tantivy.DocAddress


class Pager:
    """Finds one page. One match more is looked for, to know whether more follow."""

    def __init__(self, plan: SearchPlan, deadline: float) -> None:
        """`deadline`: of the monotonic clock; what was found until then is the answer."""
        self._is_descending = plan.is_descending
        self._order = Order.Desc if plan.is_descending else Order.Asc
        self._limit = plan.limit
        self._after = plan.after
        self._deadline = deadline
        self._is_late = False

    def page(self, asked: Sequence[Asked]) -> Page:
        """The page over these partitions."""
        wanted = self._limit + 1
        if self._after is None:
            found, total = self._by_time(asked, wanted, beyond=None)
        else:
            found = self._ties(asked, self._after.timestamp_ns, wanted, beyond=self._after)
            total = sum(_count(one) for one in self._in_time(asked))
            if len(found) < wanted:
                more, _ = self._by_time(asked, wanted - len(found), beyond=self._after.timestamp_ns)
                found += more
        records = self._read(found[: self._limit])
        has_more = len(found) > self._limit
        return Page(tuple(records), total, has_more=has_more, timed_out=self._is_late)

    def _in_time(self, asked: Sequence[Asked]) -> Iterator[Asked]:
        """The partitions, until it is too late; at least one."""
        for number, one in enumerate(asked):
            if number and time.monotonic() > self._deadline:
                self._is_late = True
                return
            yield one

    def _by_time(
        self, asked: Sequence[Asked], wanted: int, beyond: int | None
    ) -> tuple[list[Found], int]:
        """The first `wanted` matches, those of the last timestamp chosen by id."""
        candidates: list[Found] = []
        total = 0
        for snapshot, query in self._in_time(asked):
            with told_apart(snapshot.home.name):
                result: Any = snapshot.searcher.search(
                    query if beyond is None else all_of([query, self._past("ts", beyond)]),
                    limit=wanted,
                    count=beyond is None,
                    order_by_field="ts",
                    order=self._order,
                )
            total += result.count or 0
            candidates += [Found(key, snapshot, address) for key, address in result.hits]
        candidates.sort(key=_timestamp, reverse=self._is_descending)
        if len(candidates) < wanted or wanted == 1:
            return candidates[:wanted], total
        return self._settled(asked, candidates, wanted), total

    def _settled(self, asked: Sequence[Asked], candidates: list[Found], wanted: int) -> list[Found]:
        """Which records of the last timestamp are among the first `wanted` is decided by id."""
        last = candidates[wanted - 1].timestamp_ns
        before = [one for one in candidates[:wanted] if one.timestamp_ns != last]
        if len(before) == wanted - 1:
            # Only the extra one has it: it says that more follow, and is not part of the page.
            return candidates[:wanted]
        return before + self._ties(asked, last, wanted - len(before), beyond=None)

    def _ties(
        self, asked: Sequence[Asked], timestamp_ns: int, wanted: int, beyond: SortKey | None
    ) -> list[Found]:
        """The first `wanted` matches of one timestamp in the order of their ids."""
        asked = [
            Asked(
                snapshot,
                all_of(
                    [
                        query,
                        integers_inclusive("ts", timestamp_ns, timestamp_ns),
                        *([] if beyond is None else [self._past_id(snapshot, beyond)]),
                    ]
                ),
            )
            for snapshot, query in asked
            if snapshot.state.overlaps(timestamp_ns, timestamp_ns + 1)
        ]
        found = self._first_by("id", asked, timestamp_ns, wanted)
        last = found[-1][0] if len(found) == wanted else None
        before = [one for key, one in found if key != last]
        if last is None or len(before) >= wanted - 1:
            return [one for _, one in found]
        # The page ends among records of one id. Which of them are on it is decided by receive time.
        named = [Asked(snapshot, all_of([query, term("id", last)])) for snapshot, query in asked]
        twins = self._first_by("observed", named, timestamp_ns, wanted - len(before))
        return before + [one for _, one in twins]

    def _first_by(
        self, field: str, asked: Sequence[Asked], timestamp_ns: int, wanted: int
    ) -> list[tuple[Any, Found]]:
        """The first `wanted` matches by a field, each with its value of it."""
        lists = []
        for snapshot, query in self._in_time(asked):
            with told_apart(snapshot.home.name):
                result: Any = snapshot.searcher.search(
                    query, limit=wanted, count=False, order_by_field=field, order=self._order
                )
            lists.append([(key, Found(timestamp_ns, snapshot, one)) for key, one in result.hits])
        merged = heapq.merge(*lists, key=_first, reverse=self._is_descending)
        return [pair for pair, _ in zip(merged, range(wanted), strict=False)]

    def _past_id(self, snapshot: Snapshot, after: SortKey) -> Query:
        if not after.id:  # no id is before it, every one is after it
            return nothing() if self._is_descending else Query.all_query()
        bound = id_term(after.id)
        text = f"id:{{* TO {bound}}}" if self._is_descending else f"id:{{{bound} TO *}}"
        twin = all_of([term("id", bound), self._past("observed", after.observed_ns)])
        return any_of([snapshot.compiler.parse(text), twin])

    def _past(self, column: str, value: int) -> Query:
        if self._is_descending:
            return integers_inclusive(column, None, value - 1)
        return integers_inclusive(column, value + 1, None)

    def _read(self, found: Iterable[Found]) -> list[StoredRecord]:
        by_snapshot: dict[int, list[Found]] = {}
        for one in found:
            by_snapshot.setdefault(id(one.snapshot), []).append(one)
        records: list[StoredRecord] = []
        for group in by_snapshot.values():
            snapshot = group[0].snapshot
            with told_apart(snapshot.home.name):
                refs = snapshot.refs([one.address for one in group])
                records += [snapshot.record(ref) for ref in refs]
        records.sort(key=sort_key_of, reverse=self._is_descending)
        return records


def _count(asked: Asked) -> int:
    with told_apart(asked.snapshot.home.name):
        return asked.snapshot.count(asked.query)


def _timestamp(found: Found) -> int:
    return found.timestamp_ns


def _first(pair: tuple[Any, Found]) -> Any:
    return pair[0]
