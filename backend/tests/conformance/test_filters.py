"""What patterns, built-in fields and nested filters find; the case files say it for the language."""

from __future__ import annotations

import pytest

from app.query import fields
from app.query.fields import field_named
from app.query.filters import (
    And,
    Equals,
    Exists,
    Matches,
    Not,
    NumberRange,
    Or,
    StringRange,
)
from app.query.patterns import (
    ANY_RUN,
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
)
from tests.conformance.records import a_sent_record
from tests.conformance.stores import EVERYTHING, Store

F = field_named("f")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (ANY_RUN, ["api", "empty", "lines", "star", "upper", "v2", "fox", "long"]),
        (Sequence((Text("/api/"), ANY_RUN)), ["api", "v2"]),
        (Sequence((Text("/api/v"), AnyCodePoint())), ["api", "v2"]),
        (Sequence((Text("/api/v"), OneOf(((49, 49),), negated=True))), ["v2"]),
        (Text("a*"), ["star"]),
        (Empty(), ["empty"]),
        (Sequence((Text("one"), AnyCodePoint(), Text("two"))), ["lines"]),
        (AnyCodePoint(), ["fox"]),
        (Repeat(Text("xy"), 150, 150), ["long"]),
        (Sequence((ANY_RUN, Text("API"), ANY_RUN)), ["upper"]),
        (Either((Text("a*"), Text("one"))), ["star"]),
        (OneOf((), negated=False), []),
        (Sequence((ANY_RUN, OneOf(((0, 127),), negated=True), ANY_RUN)), ["fox"]),
    ],
)
def test_a_pattern_matches_whole_strings_and_case_counts(
    store: Store, pattern: Pattern, expected: list[str]
) -> None:
    store.add_values(
        api="/api/v1",
        v2="/api/v2",
        upper="/API/v1",
        star="a*",
        empty="",
        lines="one\ntwo",
        fox="🦊",
        long="xy" * 150,
        number=11,
        yes=True,
    )
    assert store.ids(Matches(F, pattern)) == sorted(expected)


def test_built_in_keywords_take_equals_ranges_and_patterns(store: Store) -> None:
    store.add(
        a_sent_record("a", service="checkout", host="web-1", level="error", level_number=17),
        a_sent_record("b", service="checkin", host="web-2", level="info", level_number=9),
        a_sent_record("c", trace_id="ab12", span_id="cd34", logger="x.y", environment="prod"),
    )
    starts_with_check = Sequence((Text("check"), ANY_RUN))
    assert store.ids(Matches(fields.SERVICE, starts_with_check)) == ["a", "b"]
    assert store.ids(Not(Matches(fields.SERVICE, starts_with_check))) == ["c"]
    assert store.ids(
        StringRange(fields.HOST, "web-1", None, includes_lower=False, includes_upper=True)
    ) == ["b"]
    assert store.ids(Equals(fields.LEVEL, ("error", "fatal"))) == ["a"]
    assert store.ids(
        NumberRange(fields.LEVEL_NUMBER, 13, None, includes_lower=True, includes_upper=True)
    ) == ["a"]
    assert store.ids(Equals(fields.LEVEL_NUMBER, (9,))) == ["b"]
    assert store.ids(Equals(fields.TRACE_ID, ("ab12",))) == ["c"]
    assert store.ids(Matches(fields.TRACE_ID, Sequence((Text("ab"), ANY_RUN)))) == ["c"]
    assert store.ids(Equals(fields.SPAN_ID, ("cd34",))) == ["c"]
    assert store.ids(Equals(fields.LOGGER, ("x.y",))) == ["c"]
    assert store.ids(Equals(fields.ENVIRONMENT, ("prod",))) == ["c"]
    assert store.ids(Equals(fields.STREAM, ("default",))) == ["a", "b", "c"]
    assert store.ids(Equals(fields.ID, ("a", "c"))) == ["a", "c"]
    assert store.ids(Matches(fields.ID, OneOf(((97, 98),), negated=False))) == ["a", "b"]
    assert store.ids(
        StringRange(fields.ID, "b", None, includes_lower=True, includes_upper=True)
    ) == ["b", "c"]


def test_not_and_or_nest(store: Store) -> None:
    store.add_values(a=1, b="1", c=[1, "1"], d=None)
    number, text = Equals(F, (1,)), Equals(F, ("1",))
    assert store.ids(And((number, text))) == ["c"]
    assert store.ids(Or((number, text))) == ["a", "b", "c"]
    assert store.ids(Not(Or((number, text)))) == ["d"]
    assert store.ids(And((Not(number), Not(text)))) == ["d"]
    assert store.ids(And((Exists(F), Not(number)))) == ["b"]
    assert store.ids(Not(Not(number))) == ["a", "c"]
    assert store.ids(Or((Not(number), number))) == ["a", "b", "c", "d"]
    assert store.ids(And((EVERYTHING, text))) == ["b", "c"]
    assert store.ids(Not(EVERYTHING)) == []
