"""An index that is blocked, closed or red: held back, named, and taken up again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.mapping import MAPPINGS, SETTINGS
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import (
    AggregatePlan,
    Function,
    Metric,
    Position,
    RoutedRecord,
    SearchPlan,
)
from app.query.fields import field_named
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS, JOURNAL, a_record, a_sent_record, an_org
from tests.elastic_indices import answered_health

pytestmark = pytest.mark.elastic
PATIENCE_SECONDS = 120.0
HELD = "3d-pool0/2026-11-20"
COUNT = (Metric(Function.COUNT, "n"),)


@dataclass(frozen=True)
class Refusal:
    """A way in which an index refuses: how it comes and goes, and whether it can be read."""

    begin: Callable[[Cluster, str], None]
    end: Callable[[Cluster, str], None]
    can_be_read: bool
    reason: str
    keeps_records: bool = True


def _set(cluster: Cluster, index: str, **settings: object) -> None:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    cluster.call("PUT", f"/{index}/_settings", body={"index": named})


def _close(cluster: Cluster, index: str) -> None:
    cluster.call("POST", f"/{index}/_close")


def _open(cluster: Cluster, index: str) -> None:
    cluster.call("POST", f"/{index}/_open", params={"wait_for_active_shards": "0"})


def _lose_shard(cluster: Cluster, index: str) -> None:
    """An index is left whose shard is on no node, and what was in it is gone."""
    mappings = cluster.call("GET", f"/{index}/_mapping")[index]["mappings"]
    settings = {**SETTINGS, "routing.allocation.require._name": "nowhere"}
    cluster.call("DELETE", f"/{index}")
    body = {"settings": settings, "mappings": mappings}
    cluster.call("PUT", f"/{index}", body=body, params={"wait_for_active_shards": "0"})


REFUSALS = {
    "flood stage": Refusal(
        lambda cluster, index: _set(cluster, index, blocks__read_only_allow_delete=True),
        lambda cluster, index: _set(cluster, index, blocks__read_only_allow_delete=None),
        can_be_read=True,
        reason="a block is on it",
    ),
    "closed": Refusal(_close, _open, can_be_read=False, reason="it is closed"),
    "red": Refusal(
        _lose_shard,
        lambda cluster, index: _set(cluster, index, routing__allocation__require___name=None),
        can_be_read=False,
        reason="its shard is on no node",
        keeps_records=False,
    ),
}


@pytest.fixture(params=REFUSALS.values(), ids=REFUSALS)
def refusal(request: pytest.FixtureRequest) -> Refusal:
    """Each in turn."""
    found: Refusal = request.param
    return found


@pytest.fixture
def limits() -> Limits:
    """Little is kept in memory."""
    return Limits(lane_bytes=100_000)


def _append(writer: ElasticWriter, number: int, *records: RoutedRecord) -> None:
    writer.append(records, position=Position(JOURNAL, number))


def _messages(reader: ElasticReader) -> list[str]:
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    assert page.total == len(page.records)
    return sorted(record.message for record in page.records)


def _commit_until_all_is_stored(writer: ElasticWriter) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while writer.commit() is not None:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_an_index_that_refuses_is_held_back_named_and_taken_up_by_itself(
    refusal: Refusal, writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    index = f"{cluster.prefix}-3d-pool0-2026-11-20"
    _append(writer, 1, a_record("before", retention_class=3, attributes={"a": 1}), a_record("free"))
    assert writer.commit() is None
    refusal.begin(cluster, index)
    _append(writer, 2, a_record("free 2"))
    _append(
        writer, 3, a_record("held 3", retention_class=3, attributes={"a": 2}), a_record("free 3")
    )
    assert writer.commit() == Position(JOURNAL, 3)
    # A field of its own needs a mapping, an organisation of its own a catalogue.
    _append(writer, 4, a_record("held 4", retention_class=3, attributes={"new": 3}))
    _append(
        writer, 5, a_record("other's", retention_class=3, org_id=an_org(1), attributes={"b": 1})
    )
    _append(writer, 6, a_record("free 6"), a_sent_record("id", "held 6", retention_class=3))
    for _ in range(3):
        assert writer.commit() == Position(JOURNAL, 3)
    free = ["free", "free 2", "free 3", "free 6"]
    assert _messages(reader) == (["before", *free] if refusal.can_be_read else free)
    health = answered_health(writer)
    assert (health.status, health.broken) == ("degraded", (HELD,))
    assert f"4 records wait for {HELD} since 20" in (health.detail or "")
    assert refusal.reason in (health.detail or "")
    assert (answered_health(reader).status, answered_health(reader).broken) == ("degraded", (HELD,))
    assert _metric("elkv_store_held_records", partition=HELD) == 4
    assert (_metric("elkv_store_held_bytes") or 0) > 100
    refusal.end(cluster, index)
    _commit_until_all_is_stored(writer)
    kept = ["before"] if refusal.keeps_records else []
    assert _messages(reader) == sorted([*kept, *free, "held 3", "held 4", "held 6"])
    assert (answered_health(writer).status, answered_health(reader).status) == ("up", "up")
    assert _metric("elkv_store_held_records", partition=HELD) == 0
    assert _metric("elkv_store_held_bytes") == 0


def test_what_a_lane_has_no_room_for_is_appended_again_when_its_index_is_back(
    refusal: Refusal, writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    index = f"{cluster.prefix}-3d-pool0-2026-11-20"
    _append(writer, 1, a_record("m", retention_class=3), a_record("m"))
    assert writer.commit() is None
    refusal.begin(cluster, index)
    entries = {
        number: [a_record("m" * 5_000, retention_class=3), a_sent_record(f"id-{number}")]
        for number in range(2, 62)
    }
    for number, records in entries.items():
        _append(writer, number, *records)
        if number % 10 == 0:
            assert writer.commit() == Position(JOURNAL, 2)
    assert writer.commit() == Position(JOURNAL, 2)
    # All else was taken, and memory is bounded.
    plan = SearchPlan(Everything(), ALWAYS, stream="default", limit=1)
    assert reader.search(ALICE, plan).total >= 61
    assert _metric("elkv_store_held_records", partition=HELD) == 60
    assert 50_000 < (_metric("elkv_store_held_bytes") or 0) <= 100_000
    refusal.end(cluster, index)
    with pytest.raises(Unavailable, match="append again from the last trimmed position"):
        _commit_until_all_is_stored(writer)
    for number, records in entries.items():
        _append(writer, number, *records)
    _commit_until_all_is_stored(writer)
    assert len(_messages(reader)) == 121 + refusal.keeps_records


def test_an_index_that_refuses_when_lanes_are_full_is_taken_up_too(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    first, second = (f"{cluster.prefix}-{days}d-pool0-2026-11-20" for days in (3, 7))
    _append(writer, 1, a_record("m", retention_class=3), a_record("m", retention_class=7))
    assert writer.commit() is None
    for index in (first, second):
        _set(cluster, index, blocks__read_only_allow_delete=True)
    _append(writer, 2, *(a_record("m" * 1_000, retention_class=3) for _ in range(200)))
    assert writer.commit() == Position(JOURNAL, 2)
    _append(writer, 3, a_record("late", retention_class=7))
    assert writer.commit() == Position(JOURNAL, 2)
    _set(cluster, second, blocks__read_only_allow_delete=None)
    until = time.monotonic() + PATIENCE_SECONDS
    while "late" not in _messages(reader):
        assert time.monotonic() < until
        assert writer.commit() == Position(JOURNAL, 2)
        time.sleep(0.1)
    _set(cluster, first, blocks__read_only_allow_delete=None)


def test_what_others_have_blocked_in_the_same_cluster_is_not_named(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    _append(writer, 1, a_record())
    writer.commit()
    others = f"{cluster.prefix}0-30d-pool0-2026-w47"
    cluster.call("PUT", f"/{others}", body={"settings": {"index.blocks.write": True}})
    told = [str(answered_health(writer)), str(answered_health(reader))]
    cluster.call("DELETE", f"/{others}")
    assert [one for one in told if others in one] == []


def test_no_question_leaves_a_partition_out_in_silence(
    refusal: Refusal, writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    index = f"{cluster.prefix}-3d-pool0-2026-11-20"
    held, free = a_record("held", retention_class=3), a_record("free")
    _append(writer, 1, held, free)
    writer.commit()
    refusal.begin(cluster, index)
    skipped = () if refusal.can_be_read else (HELD,)
    assert reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).skipped == skipped
    plan = AggregatePlan(Everything(), ALWAYS, (), COUNT)
    for table in (*reader.aggregate(ALICE, [plan]), *reader.aggregate(ALICE, [plan, plan])):
        assert (table.skipped, table.rows) == (skipped, ((1 if skipped else 2,),))
    assert reader.fields(ALICE, ALWAYS).skipped == skipped
    values = reader.field_values(ALICE, field_named("stream"), Everything(), ALWAYS)
    assert (values.skipped, values.values[0].count) == (skipped, 1 if skipped else 2)
    assert reader.get(ALICE, free.id) is not None
    if skipped:
        with pytest.raises(Unavailable, match=HELD):
            reader.get(ALICE, held.id)
        with pytest.raises(Unavailable):
            list(reader.scan(ALICE, SearchPlan(Everything(), ALWAYS)))
    else:
        assert reader.get(ALICE, held.id) is not None
        assert len(list(reader.scan(ALICE, SearchPlan(Everything(), ALWAYS)))) == 2
    refusal.end(cluster, index)


def _metric(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_closed_index_alone_is_no_empty_answer(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    _append(writer, 1, a_record("m", org_id=ACME))
    writer.commit()
    _close(cluster, f"{cluster.prefix}-30d-pool0-2026-w47")
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    assert (page.total, page.skipped) == (0, ("30d-pool0/2026-w47",))
    _open(cluster, f"{cluster.prefix}-30d-pool0-2026-w47")


def test_a_partition_of_another_organisation_alone_is_missed_by_nobody_else(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    _append(writer, 1, a_record("ours"), a_record("theirs", org_id=GLOBEX))
    writer.commit()
    own = f"{cluster.prefix}-3d-{GLOBEX}-2026-11-20"
    cluster.call("PUT", f"/{own}", body={"settings": SETTINGS, "mappings": MAPPINGS})
    cluster.call("POST", f"/{own}/_close")
    everything = SearchPlan(Everything(), ALWAYS)
    ours, theirs = (reader.search(scope, everything) for scope in (ALICE, CHARLIE))
    assert (ours.total, ours.skipped) == (1, ())
    assert (theirs.total, theirs.skipped) == (1, (f"3d-{GLOBEX}/2026-11-20",))
    assert reader.get(ALICE, "unknown") is None
    with pytest.raises(Unavailable, match=f"3d-{GLOBEX}/2026-11-20"):
        reader.get(CHARLIE, "unknown")
