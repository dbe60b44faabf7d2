"""The embedded store's `LogReader`: one question, asked of each partition that may have an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import tantivy

from app.core.errors import Broken
from app.core.scope import Scope
from app.logstore.embedded.aggregate import table
from app.logstore.embedded.compile import all_of, term
from app.logstore.embedded.facets import field_list, value_list
from app.logstore.embedded.guard import Panicked, told_apart
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.opened import Opened
from app.logstore.embedded.pages import Asked, Pager
from app.logstore.embedded.partition import Snapshot
from app.logstore.embedded.questions import confined, whole_organisation
from app.logstore.embedded.source import Damaged
from app.logstore.scanning import scan_pages
from app.logstore.types import (
    AggregatePlan,
    FieldList,
    Page,
    SearchPlan,
    StoredRecord,
    StoreHealth,
    Table,
    TimeRange,
    ValueList,
)
from app.query.fields import Field
from app.query.filters import Everything, Filter

Answer = TypeVar("Answer")


class EmbeddedReader:
    """Reads partitions that another process may be writing."""

    def __init__(self, location: Path) -> None:
        self._opened = Opened(location)

    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        """See `LogReader`."""
        deadline = time.monotonic() + plan.timeout_ms / 1000
        pager = Pager(plan, deadline)

        def ask(snapshots: Sequence[Snapshot]) -> Page:
            asked = [
                Asked(one, confined(one, scope.org_id, plan.filter, plan.range, plan.stream))
                for one in snapshots
            ]
            return pager.page(asked)

        page, skipped = self._ask(plan.range, ask)
        return replace(page, skipped=skipped)

    def scan(self, scope: Scope, plan: SearchPlan) -> Iterator[StoredRecord]:
        """See `LogReader`."""
        return scan_pages(partial(self.search, scope), plan)

    def aggregate(self, scope: Scope, plans: Sequence[AggregatePlan]) -> list[Table]:
        """See `LogReader`."""
        return [self._table(scope, plan) for plan in plans]

    def _table(self, scope: Scope, plan: AggregatePlan) -> Table:
        deadline = time.monotonic() + plan.timeout_ms / 1000

        def ask(snapshots: Sequence[Snapshot]) -> Table:
            asked = [
                (one, confined(one, scope.org_id, plan.filter, plan.range, plan.stream))
                for one in snapshots
            ]
            return table(plan, asked, deadline)

        answer, skipped = self._ask(plan.range, ask)
        return replace(answer, skipped=skipped)

    def fields(
        self, scope: Scope, range_: TimeRange, *, stream: str | None = None, limit: int = 1000
    ) -> FieldList:
        """See `LogReader`."""

        def ask(snapshots: Sequence[Snapshot]) -> FieldList:
            asked = [
                (one, confined(one, scope.org_id, Everything(), range_, stream))
                for one in snapshots
            ]
            return field_list(asked, scope.org_id, limit)

        listed, skipped = self._ask(range_, ask)
        return replace(listed, skipped=skipped)

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

        def ask(snapshots: Sequence[Snapshot]) -> ValueList:
            asked = [
                (one, confined(one, scope.org_id, filter_, range_, stream)) for one in snapshots
            ]
            return value_list(asked, field, prefix=prefix, size=size)

        listed, skipped = self._ask(range_, ask)
        return replace(listed, skipped=skipped)

    def get(self, scope: Scope, record_id: str) -> StoredRecord | None:
        """See `LogReader`."""
        query = all_of([term("id", id_term(record_id)), whole_organisation(scope.org_id)])

        def ask(snapshots: Sequence[Snapshot]) -> StoredRecord | None:
            newest: StoredRecord | None = None
            for snapshot in snapshots:
                for record in _matches(snapshot, query):
                    if newest is None or record.observed_ns > newest.observed_ns:
                        newest = record
            return newest

        found, _ = self._ask(_ALL_TIME, ask)
        return found

    def health(self) -> StoreHealth:
        """See `LogReader`."""
        broken = tuple(sorted(self._opened.damaged()))
        status = "degraded" if broken else "up"
        detail = "some partitions cannot be read" if broken else None
        return StoreHealth(status=status, type="tantivy", detail=detail, broken=broken)

    def close(self) -> None:
        """See `LogReader`."""
        self._opened.close()

    def _ask(
        self, range_: TimeRange, ask: Callable[[Sequence[Snapshot]], Answer]
    ) -> tuple[Answer, tuple[str, ...]]:
        """The answer of all partitions that can be read, and the names of the others."""
        left_out: set[str] = set()
        while True:
            skipped: list[str] = []
            snapshots = [
                snapshot
                for snapshot in self._opened.overlapping(range_.from_ns, range_.to_ns, skipped)
                if snapshot.home.name not in left_out
            ]
            try:
                return ask(snapshots), tuple(sorted(left_out.union(skipped)))
            except Damaged as error:
                if isinstance(error, Panicked) and self._opened.is_sound(error.where):
                    raise Broken(f"the log store gave up over this question: {error}") from error
                self._opened.report(error.where)
                left_out.add(error.where)


_ALL_TIME = TimeRange(-(2**63), 2**63 - 1)


def _matches(snapshot: Snapshot, query: tantivy.Query) -> list[StoredRecord]:
    with told_apart(snapshot.home.name):
        hits = snapshot.searcher.search(query, limit=100, count=False).hits
        return [snapshot.record(ref) for ref in snapshot.refs([one for _, one in hits])]
