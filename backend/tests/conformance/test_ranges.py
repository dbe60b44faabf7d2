"""Time ranges, totals, and the streams that a question does not name."""

from __future__ import annotations

import pytest

from app.logstore.types import QUARANTINE_STREAM, Function, Metric, SearchPlan, TimeRange
from app.query import fields
from app.query.filters import Equals, TimeWithin
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record, a_sent_record
from tests.conformance.stores import EVERYTHING, Store

LAST_NS = 2**63 - 2


def test_a_range_includes_its_start_and_excludes_its_end_at_nanoseconds(store: Store) -> None:
    store.add(*(a_sent_record(f"{i:+d}", at=NOON_NS + i) for i in range(-2, 3)))
    for from_ns, to_ns, expected in (
        (-1, 1, ["+0", "-1"]),
        (0, 1, ["+0"]),
        (0, 0, []),
        (1, 0, []),
        (-2, 3, ["+0", "+1", "+2", "-1", "-2"]),
        (3, 9, []),
    ):
        range_ = TimeRange(NOON_NS + from_ns, NOON_NS + to_ns)
        page = store.search(range_=range_)
        assert sorted(record.id for record in page.records) == expected
        assert page.total == len(expected)


@pytest.mark.parametrize("at", [0, 1, 999, 2**53 + 1, NOON_NS + 1, LAST_NS])
def test_an_instant_comes_back_to_the_nanosecond(store: Store, at: int) -> None:
    store.add(a_record(at=at, received=NOON_NS + 1))
    (record,) = store.search(range_=TimeRange(at, at + 1)).records
    assert (record.timestamp_ns, record.observed_ns) == (at, NOON_NS + 1)


@pytest.mark.parametrize("field", [fields.TIMESTAMP, fields.OBSERVED_AT])
def test_a_filter_on_time_is_half_open_and_may_be_open(store: Store, field: fields.Field) -> None:
    instants = [NOON_NS + i for i in range(-1, 3)]
    store.add(*(a_sent_record(f"{at - NOON_NS}", at=at, received=at) for at in instants))
    for from_ns, to_ns, expected in (
        (NOON_NS, NOON_NS + 1, ["0"]),
        (None, NOON_NS, ["-1"]),
        (NOON_NS, None, ["0", "1", "2"]),
        (None, None, ["-1", "0", "1", "2"]),
        (NOON_NS + 1, NOON_NS + 1, []),
    ):
        assert store.ids(TimeWithin(field, from_ns, to_ns)) == expected


def test_the_total_counts_filter_and_range_whatever_the_page(store: Store) -> None:
    store.add(*(a_record(at=NOON_NS + i, service="abc"[i % 3]) for i in range(90)))
    plan = SearchPlan(Equals(fields.SERVICE, ("b",)), TimeRange(NOON_NS, NOON_NS + 60), limit=3)
    assert store.reader.search(ALICE, plan).total == 20


def test_hidden_streams_are_left_out_unless_named(store: Store) -> None:
    store.add(
        a_sent_record("seen", stream="default"),
        a_sent_record("other", stream="payments"),
        a_sent_record("hidden", stream=QUARANTINE_STREAM, retention_class=14),
    )
    assert store.ids() == ["other", "seen"]
    assert store.search(stream=QUARANTINE_STREAM).records[0].id == "hidden"
    assert store.search(stream="payments").records[0].id == "other"
    assert store.search(stream="nowhere").total == 0
    # The filter does not name a stream, only the plan does.
    assert store.search(Equals(fields.STREAM, (QUARANTINE_STREAM,))).total == 0
    found = store.reader.get(ALICE, "hidden")
    assert found is not None
    assert found.stream == QUARANTINE_STREAM


def test_hidden_streams_are_left_out_of_every_method(store: Store) -> None:
    hidden = {"reason": "invalid_json"}
    store.add(
        a_record(service="web"),
        a_record(service="bad", stream=QUARANTINE_STREAM, attributes=hidden),
    )
    assert store.table([], [Metric(Function.COUNT, "n")]).rows == ((1,),)
    assert len(store.all_pages(ALICE, SearchPlan(EVERYTHING, ALWAYS))) == 1
    seen = store.reader.fields(ALICE, ALWAYS)
    assert seen.total == 1
    assert "reason" not in {field.name for field in seen.fields}
    services = store.reader.field_values(ALICE, fields.SERVICE, EVERYTHING, ALWAYS)
    assert [(v.value, v.count) for v in services.values] == [("web", 1)]


def test_a_named_stream_confines_every_method(store: Store) -> None:
    bad = a_record(service="bad", stream=QUARANTINE_STREAM, attributes={"reason": "x"})
    store.add(a_record(service="web"), bad)
    plan = SearchPlan(EVERYTHING, ALWAYS, stream=QUARANTINE_STREAM)
    assert [record.id for record in store.reader.scan(ALICE, plan)] == [bad.id]
    seen = store.reader.fields(ALICE, ALWAYS, stream=QUARANTINE_STREAM)
    assert seen.total == 1
    assert "reason" in {field.name for field in seen.fields}
    services = store.reader.field_values(
        ALICE, fields.SERVICE, EVERYTHING, ALWAYS, stream=QUARANTINE_STREAM
    )
    assert [(v.value, v.count) for v in services.values] == [("bad", 1)]
