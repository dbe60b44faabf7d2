"""Ranges of numbers and of strings."""

from __future__ import annotations

from typing import Any

import pytest

from app.query import fields
from app.query.fields import Field, field_named
from app.query.filters import (
    Filter,
    NumberRange,
    StringRange,
)
from tests.conformance.records import a_sent_record
from tests.conformance.stores import Store

F = field_named("f")


def _numbers(
    lower: float | None, upper: float | None, bounds: str = "[]", field: fields.Field = F
) -> NumberRange:
    return NumberRange(field, lower, upper, bounds[0] == "[", bounds[1] == "]")


def _strings(lower: str | None, upper: str | None, bounds: str = "[]") -> StringRange:
    return StringRange(F, lower, upper, bounds[0] == "[", bounds[1] == "]")


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (_numbers(200, 299), ["float", "int"]),
        (_numbers(200, 299.5), ["edge", "float", "int"]),
        (_numbers(200, 299.5, "{}"), ["float"]),
        (_numbers(200, None), ["big", "edge", "float", "huge", "int"]),
        (_numbers(200, None, "{]"), ["big", "edge", "float", "huge"]),
        (_numbers(None, 0), ["minus", "minus_huge", "minus_zero"]),
        (_numbers(None, 0, "[}"), ["minus", "minus_huge"]),
        (_numbers(0, None, "{]"), ["big", "edge", "float", "huge", "int"]),
        (_numbers(-0.0, -0.0), ["minus_zero"]),
        (_numbers(float(2**63), None), ["big", "huge"]),
        (_numbers(float(2**63), None, "{]"), ["huge"]),
        (_numbers(1e308, 1e308), ["huge"]),
        (_numbers(None, -1e308), ["minus_huge"]),
        (_numbers(5, 4), []),
        (_numbers(-5e-324, 5e-324, "{}"), ["minus_zero"]),
    ],
)
def test_a_number_range_sees_numbers_only_as_doubles(
    store: Store, filter_: Filter, expected: list[str]
) -> None:
    store.add_values(
        int=200,
        float=250.5,
        edge=299.5,
        text="250",
        boolean=True,
        minus=-1,
        minus_zero=-0.0,
        big=2**63 - 1,
        huge=1e308,
        minus_huge=-1e308,
        none=None,
    )
    assert store.ids(filter_) == expected


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (_strings("a", "b"), ["a", "ab", "b"]),
        (_strings("a", "b", "{}"), ["ab"]),
        (_strings("b", None), ["b", "bmp", "fox", "z", "é"]),
        (_strings("b", None, "{]"), ["bmp", "fox", "z", "é"]),
        (_strings(None, "a", "[}"), ["digits", "empty", "upper"]),
        (_strings("", ""), ["empty"]),
        (_strings("z", None, "{]"), ["bmp", "fox", "é"]),
        (_strings("\uffff", None), ["fox"]),
        (_strings("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"), ["digits"]),
        (_strings("b", "a"), []),
    ],
)
def test_a_string_range_sees_strings_only_by_code_point(
    store: Store, filter_: Filter, expected: list[str]
) -> None:
    store.add_values(
        a="a",
        ab="ab",
        b="b",
        z="z",
        é="é",
        upper="B",
        empty="",
        digits="2026-11-20T10:00:00Z",
        bmp="\uff00",
        fox="🦊",
        number=5,
        boolean=True,
    )
    assert store.ids(filter_) == expected


@pytest.mark.parametrize("field", [fields.SERVICE, fields.TRACE_ID, fields.LEVEL, F])
def test_an_empty_bound_of_a_string_range_is_below_every_string(store: Store, field: Field) -> None:
    def values(text: str | None) -> dict[str, Any]:
        return {"attributes": {"f": text}} if field.is_attribute else {field.name: text}

    store.add(a_sent_record("a", **values("info")), a_sent_record("none", **values(None)))
    for includes_lower in (True, False):
        for upper in (None, "z"):
            filter_ = StringRange(field, "", upper, includes_lower, includes_upper=True)
            assert store.ids(filter_) == ["a"]
    assert store.ids(StringRange(field, None, "", includes_lower=True, includes_upper=True)) == []


@pytest.mark.parametrize(
    "numbers", [[1, 2], [0.5, 1], [2**63, 1], [1, 2.5, -(2**63), 2**63], [2**64 - 1]]
)
@pytest.mark.parametrize("bound", [2.0**53, 2.0**63, 2.0**64, 1e308, 1.7976931348623157e308])
def test_bounds_may_be_the_ends_of_what_an_engine_can_hold(
    store: Store, numbers: list[float], bound: float
) -> None:
    store.add(*(a_sent_record(f"{i}", attributes={"f": one}) for i, one in enumerate(numbers)))
    doubles = list(enumerate(map(float, numbers)))
    for brackets in ("[]", "{}", "[}", "{]"):
        inside = brackets[0] == "[", brackets[1] == "]"
        for lower, upper in ((-bound, bound), (-bound, None), (None, bound), (bound, None)):
            page = store.search(_numbers(lower, upper, brackets))
            expected = sorted(
                f"{i}"
                for i, one in doubles
                if (lower is None or one > lower or (inside[0] and one == lower))
                and (upper is None or one < upper or (inside[1] and one == upper))
            )
            assert sorted(record.id for record in page.records) == expected, (lower, upper)
            assert page.skipped == ()
