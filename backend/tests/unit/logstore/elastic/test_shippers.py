"""Two shippers at once: one record stays one record, and fields agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.mapping import POOLED_FIELDS
from app.logstore.elastic.partition import catalogued_paths
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import Position, SearchPlan
from app.query.fields import field_named
from app.query.filters import Equals, Everything
from tests.conformance.cast import ACME, ALICE
from tests.conformance.records import ALWAYS, a_record, a_sent_record

pytestmark = pytest.mark.elastic
JOURNALS = ("018f3c00-0000-7000-8000-0000000000f0", "018f3c00-0000-7000-8000-0000000000f1")


def test_a_sent_id_that_two_shippers_bring_at_once_is_sorted_out(location: Path) -> None:
    shippers = [ElasticWriter(location) for _ in JOURNALS]
    same = a_sent_record("order-1", "paid")
    other = a_sent_record("order-1", "refunded")
    first_wins = a_sent_record("order-2", "one", first_wins=True)
    loses = a_sent_record("order-2", "two", first_wins=True)
    # Both have looked and found nothing before either sends.
    shippers[0].append([same, first_wins], position=Position(JOURNALS[0], 1))
    shippers[1].append([other, loses], position=Position(JOURNALS[1], 1))
    for shipper in shippers:
        shipper.commit()
        shipper.close()
    reader = ElasticReader(location)
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    reader.close()
    assert sorted(record.message for record in page.records) == ["one", "paid", "refunded"]
    assert len({record.id for record in page.records}) == 3


def test_two_shippers_share_one_budget_of_fields(location: Path, cluster: Cluster) -> None:
    shippers = [ElasticWriter(location) for _ in JOURNALS]
    for number, start in enumerate(range(0, 2 * POOLED_FIELDS, 20), start=1):
        for journal, shipper, side in zip(JOURNALS, shippers, "ab", strict=True):
            attributes = {f"{side}{start + i}": f"v{i}" for i in range(20)} | {"shared": start}
            record = a_record(attributes=attributes)
            shipper.append([record], position=Position(journal, number))
        for shipper in shippers:
            shipper.commit()
    for shipper in shippers:
        shipper.close()
    cluster.call("POST", f"/{cluster.partitions}/_refresh")
    (paths,) = catalogued_paths(cluster, cluster.partitions, ACME).values()
    assert len(paths) == len(set(paths))
    # Both may decide on a batch of fields before they learn of each other's.
    assert POOLED_FIELDS <= len(paths) <= POOLED_FIELDS + 20
    reader = ElasticReader(location)
    for side in "ab":
        for start in (0, 100, 380):
            asked = Equals(field_named(f"{side}{start + 7}"), ("v7",))
            assert reader.search(ALICE, SearchPlan(asked, ALWAYS)).total == 1
    reader.close()
