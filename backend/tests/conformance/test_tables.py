"""Aggregates: groups, their order, and every function."""

from __future__ import annotations

import math

import pytest

from app.logstore.types import (
    AggregatePlan,
    Cell,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    TimeRange,
)
from app.query import fields
from app.query.fields import Field, field_named
from app.query.filters import Equals
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record
from tests.conformance.stores import EVERYTHING, Store

COUNT = Metric(Function.COUNT, "n")
MINUTE_NS = 60_000_000_000
STATUS, LATENCY, USER = map(field_named, ("status", "latency_ms", "user"))


def _of(function: Function, field: Field = LATENCY, percent: float | None = None) -> Metric:
    return Metric(function, function.value, field, percent)


def _one_row(store: Store, *metrics: Metric) -> tuple[Cell, ...]:
    (row,) = store.table([], metrics).rows
    return row


def test_without_groups_there_is_one_row_even_of_nothing(store: Store) -> None:
    functions = [_of(f, percent=95.0 if f is Function.PERCENTILE else None) for f in Function]
    expected = {"count": 0, "sum": 0, "uniq": 0}
    row = _one_row(store, COUNT, *functions)
    assert row == (0, *(expected.get(f.value) for f in Function))
    store.add(a_record())
    assert _one_row(store, COUNT, *functions) == (1, *(expected.get(f.value) for f in Function))


def test_numbers_are_seen_every_one_of_a_list_and_nothing_else(store: Store) -> None:
    store.add(
        a_record(attributes={"latency_ms": [1, 2.5]}),
        a_record(attributes={"latency_ms": ["100", True, 4]}),
        a_record(attributes={"latency_ms": "x"}),
        a_record(attributes={"latency_ms": -0.5}),
        a_record(),
    )
    row = _one_row(store, *map(_of, (Function.SUM, Function.AVG, Function.MIN, Function.MAX)))
    assert row == pytest.approx((7.0, 1.75, -0.5, 4))
    assert _one_row(store, _of(Function.COUNT)) == (4,)


def test_count_of_a_field_counts_records_in_which_it_exists(store: Store) -> None:
    store.add(
        a_record(service="a", attributes={"f": [1, 2], "o": {"x": 1}}),
        a_record(attributes={"f": None, "o": {}}),
        a_record(service="b", attributes={"f": ["", None]}),
    )
    metrics = [_of(Function.COUNT, field_named(n)) for n in ("f", "o", "o.x", "service", "nix")]
    assert _one_row(store, *metrics) == (2, 1, 1, 2, 0)


def test_values_of_different_types_are_different_and_zero_has_no_sign(store: Store) -> None:
    store.add(
        a_record(attributes={"f": [1, 1.0, "1", True, "true", 0, -0.0]}),
        a_record(attributes={"f": [1, False, ""]}),
    )
    assert _one_row(store, _of(Function.UNIQ, field_named("f"))) == (7,)
    rows = store.table([GroupByField(field_named("f"))], [COUNT]).rows
    assert [
        (type(v).__name__ if isinstance(v, str | bool) else "number", v, n) for v, n in rows
    ] == [
        ("number", 1, 2),
        ("str", "", 1),
        ("number", 0, 1),
        ("str", "1", 1),
        ("bool", False, 1),
        ("bool", True, 1),
        ("str", "true", 1),
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 2_000])
def test_percentiles_are_within_a_percent(store: Store, count: int) -> None:
    numbers = [0.001 * (i * i % 10_007) - 1 for i in range(count)]
    store.add(*(a_record(attributes={"latency_ms": number}) for number in numbers))
    ordered = sorted(numbers)
    for percent in (0.0, 1.0, 25.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0):
        (value,) = _one_row(store, _of(Function.PERCENTILE, percent=percent))
        place = percent / 100 * (count - 1)
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        assert isinstance(value, int | float)
        assert low - abs(low) * 0.01 <= value <= high + abs(high) * 0.01, percent


def test_distinct_values_are_counted_within_the_bound(store: Store) -> None:
    store.add(*(a_record(attributes={"user": f"u{i % 6_000}"}) for i in range(7_000)))
    (found,) = _one_row(store, _of(Function.UNIQ, USER))
    assert isinstance(found, int)
    assert abs(found - 6_000) <= 120


def test_few_distinct_values_are_counted_exactly(store: Store) -> None:
    store.add(*(a_record(attributes={"user": f"u{i % 2_900}"}) for i in range(3_000)))
    assert _one_row(store, _of(Function.UNIQ, USER)) == (2_900,)


def test_groups_by_field_are_ordered_by_records_then_by_value(store: Store) -> None:
    services = ["b", "b", "a", "a", "c", "d", "d", "d"]
    store.add(*(a_record(service=service) for service in services), a_record())
    rows = store.table([GroupByField(fields.SERVICE, size=3)], [COUNT]).rows
    assert rows == (("d", 3), ("a", 2), ("b", 2))


def test_a_record_counts_once_for_each_of_its_values(store: Store) -> None:
    store.add(
        a_record(attributes={"tag": ["x", "y", "x"]}),
        a_record(attributes={"tag": ["y"]}),
        a_record(attributes={"tag": []}),
    )
    assert store.table([GroupByField(field_named("tag"))], [COUNT]).rows == (("y", 2), ("x", 1))


def test_groups_by_time_are_aligned_to_the_epoch_and_only_those_with_records(store: Store) -> None:
    base = NOON_NS - NOON_NS % MINUTE_NS
    offsets = [0, 1, MINUTE_NS - 1, MINUTE_NS, 5 * MINUTE_NS + 7]
    store.add(*(a_record(at=base + offset) for offset in offsets), a_record(at=3))
    rows = store.table([GroupByTime(MINUTE_NS)], [COUNT]).rows
    assert rows == ((0, 1), (base, 3), (base + MINUTE_NS, 1), (base + 5 * MINUTE_NS, 1))
    odd = 7_001_000_000
    rows = store.table([GroupByTime(odd)], [COUNT]).rows
    assert [at for at, _ in rows] == sorted({(base + o) // odd * odd for o in offsets} | {0})


def test_groups_nest_and_the_inner_ones_are_ranked_inside_the_outer_one(store: Store) -> None:
    store.add(
        *(a_record(service="a", host=host) for host in ["x", "x", "y", "z"]),
        *(a_record(service="b", host=host) for host in ["y", "y", "z"]),
        a_record(service="c"),
    )
    groups = [GroupByField(fields.SERVICE), GroupByField(fields.HOST, size=2)]
    assert store.table(groups, [COUNT]).rows == (
        ("a", "x", 2),
        ("a", "y", 1),
        ("b", "y", 2),
        ("b", "z", 1),
    )


def test_four_fields_and_an_interval_group_together(store: Store) -> None:
    store.add(
        *(
            a_record(
                at=NOON_NS + i % 2 * MINUTE_NS,
                service=f"s{i % 2}",
                host=f"h{i % 3}",
                level=("info", "error")[i % 2],
                attributes={"status": 200 + i % 2, "latency_ms": i},
            )
            for i in range(24)
        )
    )
    groups: list[Group] = [
        GroupByTime(MINUTE_NS),
        GroupByField(fields.SERVICE),
        GroupByField(fields.HOST),
        GroupByField(fields.LEVEL),
        GroupByField(STATUS),
    ]
    rows = store.table(groups, [COUNT, _of(Function.SUM), _of(Function.MAX)]).rows
    assert len(rows) == 6
    assert rows[0] == (NOON_NS, "s0", "h0", "info", 200, 4, 0 + 6 + 12 + 18, 18)
    assert rows[-1] == (NOON_NS + MINUTE_NS, "s1", "h2", "error", 201, 4, 5 + 11 + 17 + 23, 23)


def test_metrics_are_those_of_the_group(store: Store) -> None:
    store.add(
        *(
            a_record(service="ab"[i % 2], attributes={"latency_ms": i, "user": f"u{i % 3}"})
            for i in range(10)
        )
    )
    metrics = [COUNT, _of(Function.AVG), _of(Function.MIN), _of(Function.UNIQ, USER)]
    rows = store.table([GroupByField(fields.SERVICE)], metrics).rows
    assert rows == (("a", 5, 4.0, 0, 3), ("b", 5, 5.0, 1, 3))


def test_rows_are_cut_at_the_limit_and_said_to_be(store: Store) -> None:
    store.add(*(a_record(at=NOON_NS + i * MINUTE_NS) for i in range(10)))
    for max_rows, is_truncated in ((9, True), (10, False), (11, False)):
        plan = AggregatePlan(
            EVERYTHING, ALWAYS, (GroupByTime(MINUTE_NS),), (COUNT,), max_rows=max_rows
        )
        (table,) = store.reader.aggregate(ALICE, [plan])
        assert len(table.rows) == min(max_rows, 10)
        assert table.is_truncated is is_truncated
        assert table.rows[0] == (NOON_NS, 1)


def test_plans_are_answered_in_their_order_each_with_its_filter_range_and_stream(
    store: Store,
) -> None:
    store.add(
        a_record(service="a", at=NOON_NS),
        a_record(service="b", at=NOON_NS),
        a_record(service="b", at=NOON_NS + 1),
        a_record(service="b", stream="_hidden"),
    )
    at_noon = TimeRange(NOON_NS, NOON_NS + 1)
    only_b = Equals(fields.SERVICE, ("b",))
    plans = [
        AggregatePlan(EVERYTHING, ALWAYS, (), (COUNT,)),
        AggregatePlan(only_b, ALWAYS, (), (COUNT,)),
        AggregatePlan(only_b, at_noon, (), (COUNT,)),
        AggregatePlan(EVERYTHING, ALWAYS, (), (COUNT,), stream="_hidden"),
    ]
    assert [t.rows for t in store.reader.aggregate(ALICE, plans)] == [
        ((3,),),
        ((2,),),
        ((1,),),
        ((1,),),
    ]
    assert store.reader.aggregate(ALICE, []) == []


def test_built_in_numbers_and_times_are_numbers(store: Store) -> None:
    store.add(a_record(level="info", level_number=9), a_record(level="warn", level_number=13))
    number = fields.LEVEL_NUMBER
    assert _one_row(store, _of(Function.SUM, number), _of(Function.MAX, number)) == (22, 13)
    earliest, latest = _one_row(
        store, _of(Function.MIN, fields.TIMESTAMP), _of(Function.MAX, fields.OBSERVED_AT)
    )
    assert (earliest, latest) == pytest.approx((NOON_NS, NOON_NS), rel=1e-12)


def test_groups_from_several_partitions_are_added_up(store: Store) -> None:
    day = 86_400_000_000_000
    store.add(
        *(
            a_record(
                service=f"s{i % 7}",
                received=NOON_NS + i % 5 * day,
                retention_class=(3, 30, 365)[i % 3],
                attributes={"latency_ms": i, "user": f"u{i % 11}"},
            )
            for i in range(210)
        )
    )
    metrics = [COUNT, _of(Function.AVG), _of(Function.UNIQ, USER), _of(Function.MAX)]
    rows = store.table([GroupByField(fields.SERVICE, size=7)], metrics).rows
    assert [row[:2] for row in rows] == [(f"s{i}", 30) for i in range(7)]
    for i, row in enumerate(rows):
        members = range(i, 210, 7)
        assert row[2:] == (sum(members) / 30, len({j % 11 for j in members}), max(members))
