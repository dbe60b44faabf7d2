"""Fields beyond a limit, and records that Elasticsearch really refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from app.core.errors import Unsupported
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.mapping import (
    PARTITION_FIELDS,
    POOLED_FIELDS,
    attribute_mappings,
)
from app.logstore.elastic.names import field_names
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.sending import MAX_BYTES
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import (
    QUARANTINE_STREAM,
    AggregatePlan,
    Function,
    GroupByField,
    Metric,
    Position,
    RoutedRecord,
    SearchPlan,
)
from app.query.fields import field_named
from app.query.filters import Equals, Everything
from tests.conformance.cast import ACME, ALICE, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS, JOURNAL, a_record, a_sent_record
from tests.elastic_indices import answered_health

pytestmark = pytest.mark.elastic
COUNT = (Metric(Function.COUNT, "n"),)


def _store(writer: ElasticWriter, number: int, *records: RoutedRecord) -> None:
    writer.append(records, position=Position(JOURNAL, number))
    assert writer.commit() is None


def _found(reader: ElasticReader, path: str, value: object) -> int:
    asked = Equals(field_named(path), (value,))  # type: ignore[arg-type]
    return reader.search(ALICE, SearchPlan(asked, ALWAYS)).total


def _values(reader: ElasticReader, scope: object, path: str) -> int:
    plan = AggregatePlan(Everything(), ALWAYS, (GroupByField(field_named(path)),), COUNT)
    (table,) = reader.aggregate(scope, [plan])  # type: ignore[arg-type]
    return len(table.rows)


def _metric(name: str) -> float | None:
    return REGISTRY.get_sample_value(name)


def test_one_organisations_spent_budget_is_shown_and_takes_nothing_from_others(
    writer: ElasticWriter, reader: ElasticReader
) -> None:
    many = {f"f{place}": place for place in range(POOLED_FIELDS + 5)}
    _store(writer, 1, a_record(attributes=many))
    _store(writer, 2, a_record(org_id=GLOBEX, attributes={"theirs": "x"}))
    assert (
        _found(reader, "f3", 3) == _found(reader, f"f{POOLED_FIELDS + 3}", POOLED_FIELDS + 3) == 1
    )
    assert _values(reader, ALICE, "f3") == 1
    with pytest.raises(Unsupported, match=f"f{POOLED_FIELDS + 3}"):
        _values(reader, ALICE, f"f{POOLED_FIELDS + 3}")
    assert _values(reader, CHARLIE, "theirs") == 1
    assert _metric("elkv_store_full_field_budgets") == 1
    assert "1 organisations have more fields than are mapped" in (
        answered_health(writer).detail or ""
    )
    assert answered_health(writer).status == "up"


def test_a_partition_with_all_fields_that_it_may_have_takes_records_all_the_same(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster, location: Path
) -> None:
    _store(writer, 1, a_record(attributes={"first": "x"}))
    index = f"{cluster.prefix}-30d-pool0-2026-w47"
    paths = [f"filler.{number}" for number in range(PARTITION_FIELDS - 4)]
    names = [field_names(path) for path in paths]
    for start in range(0, len(names), 2_500):
        part = [one[0] for one in names[start : start + 2_500] if one is not None]
        cluster.call("PUT", f"/{index}/_mapping", body=attribute_mappings(part))
    later = ElasticWriter(location)
    attributes = {f"later{place}": f"v{place}" for place in range(8)} | {"first": "y"}
    _store(later, 2, a_record(attributes=attributes))
    assert [_found(reader, f"later{place}", f"v{place}") for place in range(8)] == [1] * 8
    assert _values(reader, ALICE, "first") == 2
    assert _values(reader, ALICE, "later0") == 1
    with pytest.raises(Unsupported, match="later7"):
        _values(reader, ALICE, "later7")
    mapped = cluster.call("GET", f"/{index}/_mapping")[index]["mappings"]["properties"]
    assert sum(name.startswith("attr.") for name in mapped) == PARTITION_FIELDS
    assert _metric("elkv_store_full_mappings") == 1
    later.close()


def test_an_operators_own_limit_of_fields_sends_values_to_the_rest(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    _store(writer, 1, a_record(attributes={"first": "x"}))
    index = f"{cluster.prefix}-30d-pool0-2026-w47"
    # No more than there are.
    cluster.call("PUT", f"/{index}/_settings", body={"index.mapping.total_fields.limit": 1})
    _store(
        writer,
        2,
        a_record(attributes={"first": "y", "second": "z"}),
        a_record(org_id=GLOBEX, attributes={"theirs": "x"}, retention_class=3),
    )
    _store(writer, 3, a_record(attributes={"first": "y", "second": "z", "third": 3}))
    assert (_found(reader, "first", "y"), _found(reader, "second", "z")) == (2, 2)
    assert _found(reader, "third", 3) == 1
    assert _values(reader, ALICE, "first") == 2
    with pytest.raises(Unsupported, match="second"):
        _values(reader, ALICE, "second")
    assert _values(reader, CHARLIE, "theirs") == 1


def test_values_of_fields_that_cannot_be_mapped_are_found_in_every_batch_of_an_entry(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster
) -> None:
    _store(writer, 1, a_record(attributes={"first": "x"}))
    index = f"{cluster.prefix}-30d-pool0-2026-w47"
    cluster.call("PUT", f"/{index}/_settings", body={"index.mapping.total_fields.limit": 1})
    # All are written before the first of them is sent.
    large = "large " * (MAX_BYTES // 12)
    _store(writer, 2, *(a_record(large, attributes={"second": "z"}) for _ in range(3)))
    assert _found(reader, "second", "z") == 3
    # Entries that wait for one commit are as many batches.
    for number in (3, 4):
        record = a_record(large, attributes={f"at{number}": "z", "third": "z"})
        writer.append([record], position=Position(JOURNAL, number))
    writer.commit()
    assert [_found(reader, path, "z") for path in ("third", "at3", "at4")] == [2, 1, 1]


def test_what_elasticsearch_refuses_goes_to_quarantine_with_the_reason(
    writer: ElasticWriter, reader: ElasticReader, location: Path
) -> None:
    refused = [
        a_sent_record("late", at=2**63),
        a_record(id="level", level="error", level_number=2**63),
        a_sent_record("i" * 40_000, "a long id"),
    ]
    good = [a_record(f"good {place}") for place in range(3)]
    _store(writer, 1, good[0], *refused, good[1])
    _store(writer, 2, good[2])
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    assert {record.id for record in page.records} == {record.id for record in good}
    plan = SearchPlan(Everything(), ALWAYS, stream=QUARANTINE_STREAM)
    entries = reader.search(ALICE, plan).records
    assert sorted(entry.attributes["sent_id"] for entry in entries) == sorted(
        record.id[:512] for record in refused
    )
    for entry in entries:
        assert entry.attributes["reason"] == "not_storable"
        assert entry.attributes["source"] == "store"
        assert any(why in entry.attributes["detail"].lower() for why in ("range", "immense"))
        assert str(ACME) in entry.attributes["raw"]
    # Coming again, as after a crash, they are the same entries.
    again = ElasticWriter(location)
    again.append(refused, position=Position(JOURNAL[:-1] + "1", 1))
    again.commit()
    again.close()
    assert reader.search(ALICE, plan).total == len(refused)


def test_an_index_that_is_deleted_under_a_shipper_is_made_again_with_its_fields(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster, location: Path
) -> None:
    _store(writer, 1, a_record(attributes={"a": "x"}))
    (before,) = cluster.call("GET", f"/{cluster.partitions}/_mapping").values()
    # One record is on its way, written for the mapping that was.
    writer.append([a_record(attributes={"a": "y"})], position=Position(JOURNAL, 2))
    cluster.call("DELETE", f"/{cluster.partitions}")
    _store(writer, 3, a_record(attributes={"a": "z", "b": 1}))
    assert _values(reader, ALICE, "a") == 2
    assert _values(reader, ALICE, "b") == 1
    (after,) = cluster.call("GET", f"/{cluster.partitions}/_mapping").values()
    properties = after["mappings"]["properties"]
    assert properties.items() >= before["mappings"]["properties"].items()
    again = ElasticWriter(location)
    again.append([a_record(attributes={"c": True})], position=Position(JOURNAL, 4))
    again.commit()
    again.close()
    assert [field.name for field in reader.fields(ALICE, ALWAYS).fields][-3:] == ["a", "b", "c"]
