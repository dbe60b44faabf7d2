"""Elasticsearch as a `LogReader`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from app.core.scope import Scope
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.compile import compiled
from app.logstore.elastic.document import stored_record
from app.logstore.elastic.facets import field_list, value_list
from app.logstore.elastic.health import broken_partitions, cluster_health
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.long_values import long_tokens
from app.logstore.elastic.questions import (
    Query,
    confined,
    whole_organisation,
    without_hidden,
)
from app.logstore.elastic.tables import tables
from app.logstore.places import HiddenDirectory, nothing_hidden
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


class ElasticReader:
    """Asks one index pattern; which partitions there are is Elasticsearch's business."""

    def __init__(self, location: Location, *, hidden: HiddenDirectory = nothing_hidden) -> None:
        """`hidden`: what is left out because it is being moved."""
        self._cluster = Cluster(location)
        self._hidden = hidden

    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        """See `LogReader`."""
        order = "desc" if plan.is_descending else "asc"
        body: dict[str, Any] = {
            "query": self._question(scope, plan.filter, plan.range, plan.stream),
            "size": plan.limit + 1,
            "sort": [{"ts": order}, {"id": order}],
            "track_total_hits": True,
            "timeout": f"{plan.timeout_ms}ms",
        }
        if plan.after is not None:
            body["search_after"] = list(plan.after)
        seconds = plan.timeout_ms / 1000
        answer = self._cluster.search(self._cluster.partitions, body, seconds=seconds)
        hits = answer["hits"]["hits"]
        return Page(
            records=tuple(stored_record(hit["_source"]) for hit in hits[: plan.limit]),
            total=answer["hits"]["total"]["value"],
            has_more=len(hits) > plan.limit,
            timed_out=answer["timed_out"],
            skipped=broken_partitions(self._cluster, [answer]),
        )

    def scan(self, scope: Scope, plan: SearchPlan) -> Iterator[StoredRecord]:
        """See `LogReader`."""
        return scan_pages(partial(self.search, scope), plan)

    def aggregate(self, scope: Scope, plans: Sequence[AggregatePlan]) -> list[Table]:
        """See `LogReader`."""
        queries = [self._question(scope, one.filter, one.range, one.stream) for one in plans]
        return tables(self._cluster, plans, queries)

    def fields(
        self, scope: Scope, range_: TimeRange, *, stream: str | None = None, limit: int = 1000
    ) -> FieldList:
        """See `LogReader`."""
        query = self._question(scope, Everything(), range_, stream)
        return field_list(self._cluster, scope.org_id, query, limit)

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
        query = self._question(scope, filter_, range_, stream)
        return value_list(self._cluster, query, field, prefix=prefix, size=size)

    def get(self, scope: Scope, record_id: str) -> StoredRecord | None:
        """See `LogReader`."""
        body = {
            "query": self._without_hidden(
                scope, whole_organisation(scope.org_id, {"term": {"id": record_id}})
            ),
            "size": 1,
            "sort": [{"observed": "desc"}],
            "track_total_hits": False,
        }
        hits = self._cluster.search(self._cluster.partitions, body)["hits"]["hits"]
        return stored_record(hits[0]["_source"]) if hits else None

    def health(self) -> StoreHealth:
        """See `LogReader`."""
        return cluster_health(self._cluster)

    def close(self) -> None:
        """See `LogReader`."""
        self._cluster.close()

    def _question(
        self, scope: Scope, filter_: Filter, range_: TimeRange, stream: str | None
    ) -> Query:
        """The one place at which a question becomes a query."""

        def confine(query: Query) -> Query:
            return self._without_hidden(scope, confined(scope.org_id, query, range_, stream))

        return confine(compiled(filter_, long_tokens(self._cluster, filter_, confine)))

    def _without_hidden(self, scope: Scope, query: Query) -> Query:
        return without_hidden(query, self._hidden(scope.org_id), self._cluster.prefix)
