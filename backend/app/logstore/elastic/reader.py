"""Elasticsearch as a `LogReader`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from app.core.errors import Unavailable
from app.core.scope import Scope
from app.logstore.elastic.asking import Answer, Asking
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.compile import compiled
from app.logstore.elastic.document import stored_record
from app.logstore.elastic.export import hits_at_one_moment
from app.logstore.elastic.facets import field_list, value_list
from app.logstore.elastic.health import cluster_health
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.long_values import long_tokens
from app.logstore.elastic.names import LARGEST_TERM_BYTES
from app.logstore.elastic.questions import (
    Query,
    confined,
    whole_organisation,
    without_hidden,
)
from app.logstore.elastic.starting import Starting
from app.logstore.elastic.tables import tables
from app.logstore.places import HiddenDirectory, nothing_hidden
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

_MOST_NAMED = 10


class ElasticReader:
    """Asks one index pattern; which partitions there are is Elasticsearch's business."""

    def __init__(self, location: Location, *, hidden: HiddenDirectory = nothing_hidden) -> None:
        """`hidden`: what is left out because it is being moved."""
        self._cluster = Cluster(location)
        self._starting = Starting(self._cluster)
        self._hidden = hidden

    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        """See `LogReader`."""
        asking = Asking(self._cluster, self._starting, scope.org_id, timeout_ms=plan.timeout_ms)
        body = self._page_body(asking, scope, plan)
        answer = asking.search({**body, "size": plan.limit + 1, "track_total_hits": True})
        hits = answer["hits"]["hits"]
        return Page(
            records=tuple(stored_record(hit["_source"]) for hit in hits[: plan.limit]),
            total=answer["hits"]["total"]["value"],
            has_more=len(hits) > plan.limit,
            timed_out=asking.timed_out,
            skipped=asking.skipped,
        )

    def scan(self, scope: Scope, plan: SearchPlan) -> Iterator[StoredRecord]:
        """See `LogReader`: as of one moment. `Unavailable` where a partition cannot be read."""
        asking = Asking(self._cluster, self._starting, scope.org_id, timeout_ms=plan.timeout_ms)
        body = self._page_body(asking, scope, plan)
        if asking.skipped or asking.timed_out:
            raise Unavailable("a partition cannot be read: what was found would not be all")
        every = {**body, "size": plan.limit}
        with closing(hits_at_one_moment(self._cluster, self._starting, every)) as hits:
            for hit in hits:
                yield stored_record(hit["_source"])

    def aggregate(self, scope: Scope, plans: Sequence[AggregatePlan]) -> list[Table]:
        """See `LogReader`."""
        timeout_ms = max((plan.timeout_ms for plan in plans), default=0)
        asking = Asking(self._cluster, self._starting, scope.org_id, timeout_ms=timeout_ms)
        queries = [
            self._question(asking, scope, one.filter, one.range, one.stream) for one in plans
        ]
        return tables(asking, plans, queries)

    def fields(
        self, scope: Scope, range_: TimeRange, *, stream: str | None = None, limit: int = 1000
    ) -> FieldList:
        """See `LogReader`."""
        asking = Asking(self._cluster, self._starting, scope.org_id)
        query = self._question(asking, scope, Everything(), range_, stream)
        return field_list(asking, self._cluster, scope.org_id, query, limit)

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
        asking = Asking(self._cluster, self._starting, scope.org_id)
        query = self._question(asking, scope, filter_, range_, stream)
        return value_list(asking, query, field, prefix=prefix, size=size)

    def get(self, scope: Scope, record_id: str) -> StoredRecord | None:
        """See `LogReader`; `Unavailable` for one that may be in a partition that cannot be read."""
        if len(record_id.encode("utf-8", "surrogatepass")) > LARGEST_TERM_BYTES:
            return None
        asking = Asking(self._cluster, self._starting, scope.org_id)
        body = {
            "query": self._without_hidden(
                scope, whole_organisation(scope.org_id, {"term": {"id": record_id}})
            ),
            "size": 1,
            "sort": [{"observed": "desc"}],
            "track_total_hits": False,
        }
        hits = asking.search(body)["hits"]["hits"]
        if not hits and (asking.skipped or asking.timed_out):
            where = ", ".join(asking.skipped[:_MOST_NAMED]) or "a partition that took too long"
            raise Unavailable(f"the record may be in what cannot be read now: {where}")
        return stored_record(hits[0]["_source"]) if hits else None

    def health(self) -> StoreHealth:
        """See `LogReader`."""
        return cluster_health(self._cluster)

    def close(self) -> None:
        """See `LogReader`."""
        self._cluster.close()

    def _page_body(self, asking: Asking, scope: Scope, plan: SearchPlan) -> Answer:
        order = "desc" if plan.is_descending else "asc"
        body: Answer = {
            "query": self._question(asking, scope, plan.filter, plan.range, plan.stream),
            "sort": [{"ts": order}, {"id": order}, {"observed": order}],
        }
        return body if plan.after is None else {**body, "search_after": list(plan.after)}

    def _question(
        self,
        asking: Asking,
        scope: Scope,
        filter_: Filter,
        range_: TimeRange,
        stream: str | None,
    ) -> Query:
        """The one place at which a question becomes a query."""

        def confine(query: Query) -> Query:
            return self._without_hidden(scope, confined(scope.org_id, query, range_, stream))

        return confine(compiled(filter_, long_tokens(asking, filter_, confine)))

    def _without_hidden(self, scope: Scope, query: Query) -> Query:
        return without_hidden(query, self._hidden(scope.org_id), self._cluster.prefix)
