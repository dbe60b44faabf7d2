"""Commits that concern very many partitions at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.places import OWN, Assignment, Places
from app.logstore.types import Position
from tests.conformance.records import JOURNAL, a_record, an_org

pytestmark = pytest.mark.elastic
# What Elasticsearch reads of a request's first line.
_LINE_BYTES = 4096
_OWN = Places((Assignment(30, 0, OWN),))


def _own_places(_org_id: OrgId) -> Places:
    return _OWN


def test_more_partitions_than_a_requests_path_can_name_are_committed_and_seen(
    location: Path,
) -> None:
    # With the longest prefix that there may be fewer partitions do.
    long = Path(f"{location}_{'x' * 47}")
    count = 40
    cluster = Cluster(long)
    writer = ElasticWriter(long, places=_own_places, holds_back=True)
    for number in range(1, count + 1):
        record = a_record(org_id=an_org(number))
        writer.append([record], position=Position(JOURNAL, number))
    try:
        assert writer.commit() is None
        names = list(cluster.call("GET", f"/{cluster.partitions}/_settings/index.uuid"))
        assert len(names) == count
        assert len(",".join(names)) > _LINE_BYTES
        # Whatever was not refreshed finds nothing.
        counted = {"size": 0, "track_total_hits": True, "query": {"exists": {"field": "observed"}}}
        answer = cluster.search(cluster.partitions, counted)
        assert answer["hits"]["total"]["value"] == count
    finally:
        writer.close()
        cluster.close()
