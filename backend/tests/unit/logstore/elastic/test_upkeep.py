"""Partitions that are made ahead, and those that go."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.upkeep import keep_up
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, Position
from tests.conformance.records import JOURNAL, NOON_NS, a_record
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.elastic
BEFORE_MIDNIGHT_NS = NOON_NS + NS_PER_DAY // 2 - 600 * NS_PER_SECOND


def _periods(cluster: Cluster) -> list[str]:
    listed = cluster.call("GET", f"/{cluster.partitions}/_settings/index.uuid")
    return sorted(
        name.removeprefix(f"{cluster.prefix}-").replace("-pool0-", " ") for name in listed
    )


def _with_one_expired(writer: ElasticWriter) -> int:
    """The time at which one of two partitions has expired."""
    now_ns = BEFORE_MIDNIGHT_NS + 30 * NS_PER_DAY
    records = [a_record(retention_class=3), a_record(retention_class=3, received=now_ns)]
    writer.append(records, position=Position(JOURNAL, 1))
    writer.commit()
    return now_ns


def test_a_partition_that_cannot_be_deleted_keeps_neither_others_nor_what_is_made_ahead(
    location: Path, writer: ElasticWriter, cluster: Cluster
) -> None:
    expired = [a_record(retention_class=days) for days in (3, 7, 14)]
    now_ns = BEFORE_MIDNIGHT_NS + 30 * NS_PER_DAY
    now = a_record(retention_class=3, received=now_ns)
    writer.append([*expired, now], position=Position(JOURNAL, 1))
    writer.commit()
    kept = f"/{cluster.prefix}-3d-pool0-2026-11-20,{cluster.prefix}-14d-pool0-2026-11-20/_settings"
    cluster.call("PUT", kept, body={"index.blocks.read_only": True})
    with pytest.raises(Unavailable, match=r"2 partitions .* 14d-pool0/2026-11-20 for one:"):
        keep_up(location, now_ns)
    left = ["14d 2026-11-20", "3d 2026-11-20"]
    assert _periods(cluster) == sorted([*left, "3d 2026-12-20", "3d 2026-12-21"])
    cluster.call("PUT", kept, body={"index.blocks.read_only": None})
    keep_up(location, now_ns)
    assert _periods(cluster) == ["3d 2026-12-20", "3d 2026-12-21"]


def test_a_shipper_makes_ahead_what_it_can_though_it_cannot_delete_all(
    writer: ElasticWriter, cluster: Cluster
) -> None:
    now_ns = _with_one_expired(writer)
    kept = f"/{cluster.prefix}-3d-pool0-2026-11-20/_settings"
    cluster.call("PUT", kept, body={"index.blocks.read_only": True})
    with pytest.raises(Unavailable, match="cannot be deleted"):
        writer.maintain(now_ns)
    cluster.call("PUT", kept, body={"index.blocks.read_only": None})
    assert _periods(cluster) == ["3d 2026-11-20", "3d 2026-12-20", "3d 2026-12-21"]


def test_where_nothing_more_can_be_made_what_has_expired_goes_all_the_same(
    through: Path, proxy: RecordingProxy, writer: ElasticWriter, cluster: Cluster
) -> None:
    now_ns = _with_one_expired(writer)
    # As Elasticsearch answers when there are as many shards as it wants.
    proxy.answers[f"/{cluster.prefix}-3d-pool0-2026-12-21"] = 400
    with pytest.raises(Unavailable, match="cannot be made"):
        keep_up(through, now_ns)
    assert _periods(cluster) == ["3d 2026-12-20"]


def test_nothing_is_made_for_who_brings_nothing_any_more(
    location: Path, writer: ElasticWriter, cluster: Cluster
) -> None:
    writer.append([a_record(retention_class=3)], position=Position(JOURNAL, 1))
    writer.commit()
    keep_up(location, BEFORE_MIDNIGHT_NS)
    assert _periods(cluster) == ["3d 2026-11-20", "3d 2026-11-21"]
    for day in range(1, 6):
        keep_up(location, BEFORE_MIDNIGHT_NS + day * NS_PER_DAY)
    assert _periods(cluster) == []
