"""The memory store: lists of records, each question asked of every one of them."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from app.core.ids import OrgId
from app.core.scope import Scope
from app.logstore.identity import REMEMBERED_NS, renamed
from app.logstore.memory.evaluate import matches
from app.logstore.memory.facets import field_list, value_list
from app.logstore.memory.subject import Subject
from app.logstore.memory.tables import table
from app.logstore.schema import leaves_of
from app.logstore.types import (
    HIDDEN_STREAM_PREFIX,
    NS_PER_DAY,
    AggregatePlan,
    AppendReport,
    FieldList,
    Page,
    Position,
    Rejected,
    RoutedRecord,
    SearchPlan,
    SortKey,
    StoredRecord,
    StoreHealth,
    Table,
    TimeRange,
    ValueList,
    sort_key_of,
)
from app.query.fields import Field
from app.query.filters import Everything, Filter


class Kept(NamedTuple):
    """A record in the store, in front of it what it is sorted by."""

    key: SortKey
    record: RoutedRecord
    subject: Subject


class MemoryStore:
    """A `LogReader` and a `LogWriter` over the same records.

    It maps every field, so it refuses no aggregate; all of its numbers are exact. A sent id is
    remembered as long as its record is kept and was received less than `REMEMBERED_NS` before. A
    record expires at the moment at which its retention class no longer keeps it.

    Readers work on lists that are replaced, never changed: they may run beside the writer.
    """

    def __init__(self) -> None:
        self._kept: dict[OrgId, list[Kept]] = {}
        self._known: dict[tuple[OrgId, str], RoutedRecord] = {}
        self._pending: list[RoutedRecord] = []
        self._pending_positions: dict[str, int] = {}
        self._positions: dict[str, int] = {}

    # Writing

    def expect(self, entries: Sequence[Sequence[RoutedRecord]]) -> None:
        """See `LogWriter`: nothing is far to look up here."""

    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        """See `LogWriter`; rejects only what JSON cannot say."""
        if position.number <= self._positions.get(position.journal, 0):
            return AppendReport(stored=0, repeated=len(records))
        rejected = tuple(
            Rejected(index, "not_storable", reason)
            for index, record in enumerate(records)
            if (reason := _why_not_json(record))
        )
        left_out = {one.index for one in rejected}
        good = [record for index, record in enumerate(records) if index not in left_out]
        taken = [new for record in good if (new := self._unless_known(record)) is not None]
        self._pending_positions[position.journal] = position.number
        return AppendReport(len(taken), len(good) - len(taken), rejected)

    def _unless_known(self, record: RoutedRecord) -> RoutedRecord | None:
        """The record as it has to be stored, taken; or `None` for a repetition."""
        known = self._remembered(record)
        if known is not None:
            if record.first_wins or known.digest == record.digest:
                return None
            record = renamed(record)
            if self._remembered(record) is not None:
                return None
        self._known[record.org_id, record.id] = record
        self._pending.append(record)
        return record

    def _remembered(self, record: RoutedRecord) -> RoutedRecord | None:
        if not record.is_sent:
            return None
        known = self._known.get((record.org_id, record.id))
        if known is None or record.observed_ns - known.observed_ns > REMEMBERED_NS:
            return None
        return known

    def commit(self) -> None:
        """See `LogWriter`; never fails."""
        arrived: dict[OrgId, list[Kept]] = defaultdict(list)
        for record in self._pending:
            key = sort_key_of(record)
            arrived[record.org_id].append(Kept(key, record, Subject(record)))
        for org_id, new in arrived.items():
            self._kept[org_id] = sorted([*self._kept.get(org_id, ()), *new], key=_key)
        self._positions |= self._pending_positions
        self._pending, self._pending_positions = [], {}

    def waiting(self, _journal: str) -> Set[int]:
        """See `LogWriter`: no partition refuses alone."""
        return frozenset()

    def let_go(self) -> None:
        """See `LogWriter`."""
        for record in self._pending:
            self._known.pop((record.org_id, record.id), None)
        self._pending, self._pending_positions = [], {}

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`: drops what is older than its retention class."""
        for org_id, kept in self._kept.items():
            self._kept[org_id] = [one for one in kept if _expires_ns(one.record) > now_ns]
        self._known = {
            name: record for name, record in self._known.items() if _expires_ns(record) > now_ns
        }

    # Reading

    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        """See `LogReader`; `timeout_ms` plays no part."""
        hits = self._hits(scope, plan.filter, plan.range, plan.stream)
        if plan.is_descending:
            last = len(hits) if plan.after is None else bisect_left(hits, plan.after, key=_key)
            page = hits[max(0, last - plan.limit) : last][::-1]
            has_more = last > plan.limit
        else:
            first = 0 if plan.after is None else bisect_right(hits, plan.after, key=_key)
            page = hits[first : first + plan.limit]
            has_more = first + plan.limit < len(hits)
        records = tuple(stored(one.record) for one in page)
        return Page(records=records, total=len(hits), has_more=has_more)

    def scan(self, scope: Scope, plan: SearchPlan) -> Iterator[StoredRecord]:
        """See `LogReader`."""
        page = self.search(scope, plan)
        yield from page.records
        while page.has_more:
            last = page.records[-1]
            plan = replace(plan, after=sort_key_of(last))
            page = self.search(scope, plan)
            yield from page.records

    def aggregate(self, scope: Scope, plans: Sequence[AggregatePlan]) -> list[Table]:
        """See `LogReader`; never refuses a field."""
        return [
            table(plan, _subjects(self._hits(scope, plan.filter, plan.range, plan.stream)))
            for plan in plans
        ]

    def fields(
        self, scope: Scope, range_: TimeRange, *, stream: str | None = None, limit: int = 1000
    ) -> FieldList:
        """See `LogReader`."""
        return field_list(_subjects(self._hits(scope, Everything(), range_, stream)), limit)

    def field_values(  # noqa: PLR0913 — the signature of LogReader
        self,
        scope: Scope,
        field: Field,
        filter_: Filter,
        range_: TimeRange,
        *,
        prefix: str = "",
        size: int = 20,
        stream: str | None = None,
    ) -> ValueList:
        """See `LogReader`."""
        hits = self._hits(scope, filter_, range_, stream)
        return value_list(_subjects(hits), field, prefix=prefix, size=size)

    def get(self, scope: Scope, record_id: str) -> StoredRecord | None:
        """See `LogReader`; of records with one id the one received last."""
        named = [one.record for one in self._kept.get(scope.org_id, ()) if one.key.id == record_id]
        return stored(max(named, key=_observed_ns)) if named else None

    def health(self) -> StoreHealth:
        """Always up."""
        return StoreHealth(status="up", type="memory")

    def close(self) -> None:
        """Commits; the records go when nobody holds the store any more."""
        self.commit()

    def _hits(
        self, scope: Scope, filter_: Filter, range_: TimeRange, stream: str | None
    ) -> list[Kept]:
        """The organisation's matching records, ascending."""
        return [
            one
            for one in self._kept.get(scope.org_id, ())
            if range_.from_ns <= one.key.timestamp_ns < range_.to_ns
            and _is_asked(one.record.stream, stream)
            and matches(filter_, one.subject)
        ]


def _why_not_json(record: RoutedRecord) -> str:
    """Why the attributes are no JSON; empty when they are."""
    try:
        json.dumps(record.attributes, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return str(error) or "nested too deep"
    return ""


def stored(record: RoutedRecord) -> StoredRecord:
    """The record as it comes out of a store."""
    own = {name: getattr(record, name) for name in StoredRecord.__slots__ if name != "not_indexed"}
    return StoredRecord(**own, not_indexed=leaves_of(record.attributes)[1])


def _is_asked(stream: str, asked: str | None) -> bool:
    return not stream.startswith(HIDDEN_STREAM_PREFIX) if asked is None else stream == asked


def _subjects(kept: list[Kept]) -> list[Subject]:
    return [one.subject for one in kept]


def _key(one: Kept) -> SortKey:
    return one.key


def _observed_ns(record: RoutedRecord) -> int:
    return record.observed_ns


def _expires_ns(record: RoutedRecord) -> int:
    return record.observed_ns + record.retention_class * NS_PER_DAY
