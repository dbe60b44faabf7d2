"""Round trips, limits of time on the server, and points in time that are closed again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.compile import compiled
from app.logstore.elastic.questions import confined
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import (
    AggregatePlan,
    Function,
    GroupByField,
    Metric,
    Position,
    SearchPlan,
)
from app.query.fields import field_named
from app.query.filters import Everything, Matches, Or
from app.query.patterns import ANY_RUN, Sequence, Text
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.elastic
HOSTS = os.environ.get("ELASTICSEARCH_HOSTS", "")
EVERYTHING = SearchPlan(Everything(), ALWAYS, limit=2)
# So many patterns over so many terms keep Elasticsearch busy for a minute and more.
PATTERNS = 500
TERMS = 8_000
PATIENCE_SECONDS = 120.0


@pytest.fixture
def writer(writer: ElasticWriter) -> ElasticWriter:
    """A shipper that has stored five records."""
    writer.append([a_record(attributes={"a": "x"}) for _ in range(5)], position=Position("j", 1))
    writer.commit()
    return writer


@pytest.mark.usefixtures("writer")
def test_many_tables_are_one_round_trip(location: Path) -> None:
    proxy = RecordingProxy(HOSTS)
    reader = ElasticReader(proxy.before(location))
    plan = AggregatePlan(
        Everything(),
        ALWAYS,
        (GroupByField(field_named("a")),),
        (Metric(Function.COUNT, "n"),),
    )
    tables = reader.aggregate(ALICE, [plan] * 12)
    assert [table.rows for table in tables] == [(("x", 5),)] * 12
    assert [request.path.rpartition("/")[2] for request in proxy.requests] == ["_msearch"]
    reader.close()
    proxy.close()


def _open_contexts(cluster: Cluster) -> int:
    answer = cluster.call("GET", f"/{cluster.partitions}/_stats/search")
    found: int = answer["_all"]["total"].get("search", {}).get("open_contexts", 0)
    return found


def test_an_export_is_of_one_moment_which_is_let_go_at_its_end(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    export = reader.scan(ALICE, EVERYTHING)
    first = next(export)
    assert _open_contexts(cluster) == 1
    writer.append([a_record("too late") for _ in range(5)], position=Position("j", 2))
    writer.commit()
    assert len({first.id, *(record.id for record in export)}) == 5
    assert _open_contexts(cluster) == 0
    assert len(list(reader.scan(ALICE, EVERYTHING))) == 10
    assert _open_contexts(cluster) == 0


def test_an_export_that_is_broken_off_or_fails_keeps_nothing_open(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    del writer
    export = reader.scan(ALICE, EVERYTHING)
    next(export)
    export.close()  # type: ignore[attr-defined]
    assert _open_contexts(cluster) == 0
    export = reader.scan(ALICE, EVERYTHING)
    for _ in range(2):
        next(export)
    cluster.call("DELETE", f"/{cluster.partitions}")
    with pytest.raises(Unavailable):
        next(export)
    assert _open_contexts(cluster) == 0


def test_an_export_of_nothing_is_empty(reader: ElasticReader) -> None:
    assert list(reader.scan(ALICE, EVERYTHING)) == []


@pytest.fixture
def slow(location: Path) -> Or:
    """A filter that Elasticsearch does not finish in a minute."""
    writer = ElasticWriter(location)
    values = [f"{number:08}" * 500 for number in range(TERMS)]
    records = [
        a_record(attributes={"a": values[start : start + 500]}) for start in range(0, TERMS, 500)
    ]
    writer.append(records, position=Position("j", 9))
    writer.close()
    return Or(tuple(_pattern(place) for place in range(PATTERNS)))


def _pattern(place: int) -> Matches:
    """One that no value matches, which shows at its end only."""
    digits = [part for digit in f"{place:04}" for part in (ANY_RUN, Text(digit))]
    return Matches(field_named("a"), Sequence((*digits, ANY_RUN, Text("!"))))


def test_a_search_ends_on_the_server_when_its_time_is_over(
    slow: Or, reader: ElasticReader, cluster: Cluster
) -> None:
    part = Or(slow.children[:100])
    page = reader.search(ALICE, SearchPlan(part, ALWAYS, timeout_ms=1_000))
    assert page.timed_out
    plan = AggregatePlan(part, ALWAYS, (), (Metric(Function.COUNT, "n"),), timeout_ms=1_000)
    assert all(table.timed_out for table in reader.aggregate(ALICE, [plan, plan]))
    assert _running(cluster) == []


@pytest.mark.parametrize("many", [1, 2])
def test_a_search_whose_caller_has_gone_is_cancelled_on_the_server(
    slow: Or, cluster: Cluster, many: int
) -> None:
    query = confined(ALICE.org_id, compiled(slow, {}), ALWAYS, None)
    body = {"query": query, "size": 0, "timeout": "90s"}
    # The grace that a search has beyond its own limit is all the time that these get.
    with pytest.raises(Unavailable, match="in time"):
        cluster.searches(cluster.partitions, [body] * many, seconds=-1.0)
    until = time.monotonic() + PATIENCE_SECONDS
    while _running(cluster):
        assert time.monotonic() < until
        time.sleep(0.1)


def _running(cluster: Cluster) -> list[str]:
    answer = cluster.call("GET", "/_tasks", params={"actions": "*search*", "detailed": "true"})
    tasks = [task for node in answer["nodes"].values() for task in node["tasks"].values()]
    return [one["action"] for one in tasks if cluster.prefix in one.get("description", "")]
