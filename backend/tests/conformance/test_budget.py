"""Attribute fields beyond an organisation's budget stay searchable; aggregating them is refused."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Unsupported
from app.logstore.types import Function, GroupByField, Metric
from app.query import fields
from app.query.fields import field_named
from app.query.filters import Equals, Exists, Matches, Not, NumberRange, StringRange
from app.query.patterns import ANY_RUN, OneOf, Repeat, Sequence, Text
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record, a_sent_record
from tests.conformance.stores import EVERYTHING, Store

COUNT = Metric(Function.COUNT, "n")
FIELDS = 260
# First come, first served: these are the last.
LATE = field_named("late")


@pytest.fixture
def crowded(store: Store) -> Store:
    """A store whose organisation has brought more fields than any budget has room for."""
    early = {f"early_{number:03}": number for number in range(FIELDS)}
    store.add(a_sent_record("first", attributes=early))
    values: dict[str, Any] = {
        "text": "web-01",
        "number": 500,
        "double": -2.5,
        "boolean": True,
        "list": ["web-02", 404, False],
        "object": {"x": "y"},
        "empty": "",
        "date": "2026-11-20T10:00:00Z",
        "big": 2**53 + 1,
        "null": None,
        "long": "z" * 9_000,
    }
    store.add(*(a_sent_record(name, attributes={"late": v}) for name, v in values.items()))
    store.add(a_sent_record("without"))
    return store


def _numbers(lower: float | None, upper: float | None, bounds: str = "[]") -> NumberRange:
    return NumberRange(LATE, lower, upper, bounds[0] == "[", bounds[1] == "]")


def test_exact_values_are_found_beyond_the_budget(crowded: Store) -> None:
    for asked, expected in (
        ("web-01", ["text"]),
        ("web-02", ["list"]),
        (500, ["number"]),
        (500.0, ["number"]),
        ("500", []),
        (404, ["list"]),
        (True, ["boolean"]),
        (False, ["list"]),
        (-2.5, ["double"]),
        ("", ["empty"]),
        ("2026-11-20T10:00:00Z", ["date"]),
        (2**53 + 1, ["big"]),
        (2**53, ["big"]),
        (2**53 + 2, []),
        ("z" * 9_000, ["long"]),
        ("z" * 9_001, []),
    ):
        assert crowded.ids(Equals(LATE, (asked,))) == expected, asked
    assert crowded.ids(Equals(field_named("late.x"), ("y",))) == ["object"]


def test_existing_and_missing_are_right_beyond_the_budget(crowded: Store) -> None:
    there = sorted(
        ["text", "number", "double", "boolean", "list", "object", "empty", "date", "big", "long"]
    )
    assert crowded.ids(Exists(LATE)) == there
    assert crowded.ids(Not(Exists(LATE))) == ["first", "null", "without"]
    assert crowded.ids(Exists(field_named("late.x"))) == ["object"]
    assert crowded.ids(Exists(field_named("lat"))) == []


def test_ranges_are_right_beyond_the_budget(crowded: Store) -> None:
    assert crowded.ids(_numbers(404, 500)) == ["list", "number"]
    assert crowded.ids(_numbers(404, 500, "{}")) == []
    assert crowded.ids(_numbers(None, 0)) == ["double"]
    assert crowded.ids(_numbers(0, None)) == ["big", "list", "number"]
    assert crowded.ids(_numbers(-3, -2)) == ["double"]
    web = StringRange(LATE, "web-01", "web-02", includes_lower=True, includes_upper=False)
    assert crowded.ids(web) == ["text"]
    above = StringRange(LATE, "web-01", None, includes_lower=False, includes_upper=False)
    assert crowded.ids(above) == ["list", "long"]


def test_wildcards_and_regular_expressions_are_right_beyond_the_budget(crowded: Store) -> None:
    assert crowded.ids(Matches(LATE, Sequence((Text("web-"), ANY_RUN)))) == ["list", "text"]
    digits = Repeat(OneOf(((48, 57),), negated=False), 1, None)
    assert crowded.ids(Matches(LATE, digits)) == []
    assert crowded.ids(Matches(LATE, Sequence((ANY_RUN, Text("1"))))) == ["text"]
    everything_textual = ["date", "empty", "list", "long", "text"]
    assert crowded.ids(Matches(LATE, ANY_RUN)) == everything_textual


def _late(function: Function) -> Metric:
    return Metric(function, "m", LATE, 50.0 if function is Function.PERCENTILE else None)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Function.SUM, 500 - 2.5 + 404 + 2**53),
        (Function.AVG, (500 - 2.5 + 404 + 2**53) / 4),
        (Function.MIN, -2.5),
        (Function.MAX, 2**53),
        (Function.UNIQ, 11),
        (Function.PERCENTILE, 404),
    ],
)
def test_a_metric_beyond_the_budget_is_exact_or_refused_by_name(
    crowded: Store, function: Function, expected: float
) -> None:
    if crowded.kind.field_budget is None:
        ((found,),) = crowded.table([], [_late(function)]).rows
        assert found == pytest.approx(expected)
    else:
        with pytest.raises(Unsupported, match="late"):
            crowded.table([], [_late(function)])


def test_groups_beyond_the_budget_are_exact_or_refused_by_name(crowded: Store) -> None:
    if crowded.kind.field_budget is None:
        rows = crowded.table([GroupByField(LATE, size=20)], [COUNT]).rows
        assert len(rows) == 11
    else:
        with pytest.raises(Unsupported, match="late"):
            crowded.table([GroupByField(LATE)], [COUNT])


def test_values_beyond_the_budget_are_listed_all_the_same(crowded: Store) -> None:
    values = crowded.reader.field_values(ALICE, LATE, EVERYTHING, ALWAYS)
    assert (values.distinct, values.other, values.missing) == (11, 0, 4)
    assert [value.count for value in values.values] == [1] * 11


def test_fields_within_the_budget_are_aggregated_as_before(crowded: Store) -> None:
    early = field_named("early_000")
    assert crowded.table([GroupByField(early)], [COUNT]).rows == ((0, 1),)
    assert crowded.table([], [Metric(Function.MAX, "m", field_named("early_007"))]).rows == ((7,),)


def test_the_list_of_fields_says_which_can_be_aggregated(crowded: Store) -> None:
    listed = crowded.reader.fields(ALICE, ALWAYS).fields
    attributes = {field.name: field for field in listed if field.name not in fields.BUILT_IN}
    assert len(attributes) == FIELDS + 2
    assert attributes["late"].records == 9
    assert attributes["late.x"].records == 1
    assert attributes["late"].type == "mixed"
    mapped = [name for name, field in attributes.items() if field.is_indexed]
    budget = crowded.kind.field_budget
    assert len(mapped) == (len(attributes) if budget is None else budget)
    assert "early_000" in mapped


def test_unasked_fields_beyond_the_budget_disturb_no_other_aggregate(crowded: Store) -> None:
    crowded.add(a_record(service="web"), a_record(service="web"))
    rows = crowded.table([GroupByField(fields.SERVICE)], [COUNT]).rows
    assert rows == (("web", 2),)
