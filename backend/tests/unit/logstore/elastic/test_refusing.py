"""An index that takes no records: the others go on, nothing is trimmed too early, nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record
from tests.elastic_indices import answered_health, set_flood_block

pytestmark = pytest.mark.elastic
PATIENCE_SECONDS = 0.3
RECOVERY_SECONDS = 120.0


@pytest.fixture
def limits() -> Limits:
    """No call waits for long."""
    return Limits(PATIENCE_SECONDS)


def _append(writer: ElasticWriter, number: int, *records: RoutedRecord) -> None:
    writer.append(records, position=Position(JOURNAL, number))


def _ids(reader: ElasticReader) -> set[str]:
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    return {record.id for record in page.records}


def test_one_blocked_partition_holds_back_its_entries_alone(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    blocked, free = a_record(retention_class=3), a_record(retention_class=30)
    _append(writer, 1, blocked, free)
    assert writer.commit() is None
    set_flood_block(cluster, 3, is_on=True)
    waiting = a_record(retention_class=3, attributes={"new": 1})
    others = [a_record(retention_class=30) for _ in range(3)]
    _append(writer, 2, others[0])
    _append(writer, 3, waiting, others[1])
    _append(writer, 4, others[2])
    assert writer.commit() == Position(JOURNAL, 3)
    assert _ids(reader) == {blocked.id, free.id, *(one.id for one in others)}
    for health in (answered_health(writer), answered_health(reader)):
        assert (health.status, health.broken) == ("degraded", ("3d-pool0/2026-11-20",))
    set_flood_block(cluster, 3, is_on=False)
    until = time.monotonic() + RECOVERY_SECONDS
    while writer.commit() is not None:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert waiting.id in _ids(reader)
    assert answered_health(writer).status == "up"


def test_entries_behind_a_held_one_are_known_only_when_it_is_stored(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster, location: Path
) -> None:
    _append(writer, 1, a_record(retention_class=3))
    writer.commit()
    set_flood_block(cluster, 3, is_on=True)
    held, other = a_record(retention_class=3), a_record()
    _append(writer, 2, held)
    _append(writer, 3, other)
    assert writer.commit() == Position(JOURNAL, 2)
    set_flood_block(cluster, 3, is_on=False)
    # The shipper is killed and another one begins behind the last trim.
    again = ElasticWriter(location, holds_back=True)
    for number, record in ((2, held), (3, other)):
        assert again.append([record], position=Position(JOURNAL, number)).stored == 1
    assert again.commit() is None
    again.close()
    assert len(_ids(reader)) == 3
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    assert page.total == 3


def test_a_caller_that_trims_everything_is_told_that_it_must_not(
    location: Path, cluster: Cluster
) -> None:
    writer = ElasticWriter(location, limits=Limits(PATIENCE_SECONDS))
    _append(writer, 1, a_record(retention_class=3))
    writer.commit()
    set_flood_block(cluster, 3, is_on=True)
    record = a_record(retention_class=3)
    _append(writer, 2, record)
    with pytest.raises(Unavailable):
        writer.commit()
    with pytest.raises(Unavailable, match="append again"):
        _append(writer, 3, a_record())
    set_flood_block(cluster, 3, is_on=False)
    _append(writer, 2, record)
    assert writer.commit() is None
    writer.close()


def test_nobody_there_is_unavailable_everywhere() -> None:
    location = "http://127.0.0.1:1#nobody"
    writer = ElasticWriter(location, limits=Limits(0.1))
    with pytest.raises(Unavailable):
        writer.append([a_record()], position=Position(JOURNAL, 1))
    writer.close()
    reader = ElasticReader(location)
    with pytest.raises(Unavailable):
        reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    assert reader.health().status == "down"
    reader.close()


def test_expired_partitions_go_and_the_next_ones_are_made_in_time(
    writer: ElasticWriter, cluster: Cluster
) -> None:
    _append(writer, 1, a_record(retention_class=3))
    writer.commit()
    hour_ns = 3_600 * 10**9
    writer.maintain(NOON_NS + 11 * hour_ns + hour_ns // 2)
    listed = cluster.call("GET", f"/{cluster.partitions}/_mapping")
    periods = sorted(name.rpartition("pool0-")[2] for name in listed)
    assert periods == ["2026-11-20", "2026-11-21"]
    properties = [one["mappings"]["properties"].keys() for one in listed.values()]
    assert all({"ts", "org", "search_text", "rest"} <= names for names in properties)
    writer.maintain(NOON_NS + 10 * 24 * hour_ns)
    assert cluster.call("GET", f"/{cluster.partitions}/_mapping") == {}
