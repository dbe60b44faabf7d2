"""What each kind of filter finds; the case files say the same of the whole language."""

from __future__ import annotations

from typing import Any

import pytest

from app.query import fields
from app.query.fields import Field, field_named
from app.query.filters import (
    And,
    Equals,
    Exists,
    Filter,
    Matches,
    Not,
    NumberRange,
    Or,
    Scalar,
    StringRange,
    TokenMatches,
    Tokens,
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
BIG = 2**53


def _attributes(store: Store, **values: Any) -> None:
    """One record per value of `f`, its id the name it is given here."""
    store.add(*(a_sent_record(name, attributes={"f": value}) for name, value in values.items()))


def _messages(store: Store, **messages: str) -> None:
    store.add(*(a_sent_record(name, message) for name, message in messages.items()))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["connection"], ["a", "b", "d"]),
        (["connection", "refused"], ["a", "d"]),
        (["refused", "connection"], ["b"]),
        (["connection", "connection"], []),
        (["10", "0", "0", "7"], ["c"]),
        (["0", "0"], ["c"]),
        (["conn"], []),
        (["écran"], ["e"]),
        (["日本"], ["e"]),
        (["ß"], ["e"]),
    ],
)
def test_tokens_are_next_to_each_other_in_order(
    store: Store, tokens: list[str], expected: list[str]
) -> None:
    _messages(
        store,
        a="Connection REFUSED by peer",
        b="refused: connection",
        c="from 10.0.0.7",
        d="connection\n\trefused",
        e="ÉCRAN 日本 ß_x",
        f="",
    )
    assert store.ids(Tokens(tuple(tokens))) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (Sequence((Text("time"), ANY_RUN)), ["a", "b", "c"]),
        (Sequence((ANY_RUN, Text("out"))), ["a", "c"]),
        (Sequence((Text("t"), AnyCodePoint(), Text("me"))), ["c"]),
        (Repeat(OneOf(((48, 57),), negated=False), 2, None), ["d"]),
        (Either((Text("timer"), Text("n42"))), ["b", "d"]),
        (Sequence((AnyCodePoint(), AnyCodePoint())), ["d", "e"]),
        (Empty(), []),
    ],
)
def test_a_token_pattern_matches_whole_single_tokens(
    store: Store, pattern: Pattern, expected: list[str]
) -> None:
    _messages(store, a="Timeout!", b="TIMER", c="time out timeouts", d="n42 and 42", e="日本")
    assert store.ids(TokenMatches(pattern)) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("500", ["text"]),
        (500, ["float", "int", "listed"]),
        (500.0, ["float", "int", "listed"]),
        (True, ["yes"]),
        ("true", ["word"]),
        (1, ["one"]),
        (0, ["minus", "zero"]),
        (-0.0, ["minus", "zero"]),
        ("", ["empty"]),
        (False, []),
        ("50", []),
        (1e308, ["huge"]),
        (5e-324, ["tiny"]),
    ],
)
def test_a_value_equals_only_its_own_kind(store: Store, asked: Scalar, expected: list[str]) -> None:
    _attributes(
        store,
        text="500",
        int=500,
        float=500.0,
        listed=["x", [500]],
        yes=True,
        word="true",
        one=1,
        zero=0,
        minus=-0.0,
        empty="",
        huge=1e308,
        tiny=5e-324,
        none=None,
    )
    assert store.ids(Equals(F, (asked,))) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (BIG + 1, ["after"]),
        (BIG + 2, ["after2"]),
        (-BIG - 1, ["minus"]),
        (BIG, ["after", "at", "at_double"]),
        (float(BIG), ["after", "at", "at_double"]),
        (2**63, ["top", "top_double"]),
        (2**63 - 1, ["below_top"]),
        (float(2**63), ["below_top", "top", "top_double"]),
        (2**64 - 1, ["unsigned"]),
        (-(2**63), ["bottom"]),
        (-(2**63) - 1, []),
        (10**400, []),
        (int(1e308), ["huge"]),
        (int(1e308) + 1, []),
    ],
)
def test_integers_beyond_doubles_are_exact_when_asked_for_as_integers(
    store: Store, asked: float, expected: list[str]
) -> None:
    _attributes(
        store,
        at=BIG,
        at_double=float(BIG),
        after=BIG + 1,
        after2=BIG + 2,
        minus=-BIG - 1,
        top=2**63,
        top_double=float(2**63),
        below_top=2**63 - 1,
        unsigned=2**64 - 1,
        bottom=-(2**63),
        huge=1e308,
        text=str(BIG + 1),
    )
    assert store.ids(Equals(F, (asked,))) == expected


def test_any_value_may_equal_any_of_those_asked_for(store: Store) -> None:
    _attributes(store, a=["x", 1], b=["y"], c=[True], d=[])
    assert store.ids(Equals(F, ("y", 1))) == ["a", "b"]
    assert store.ids(Equals(F, ("y", 1, "y", True))) == ["a", "b", "c"]
    assert store.ids(Equals(F, ())) == []
    assert store.ids(Not(Equals(F, ()))) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        " a",
        "A",
        "a*",
        "2026-11-20T10:00:00Z",
        "2026-11-20",
        "1e308",
        "null",
        "=x",
        "a\x00b",
        "\n",
        "ﬀ",
        "e\u0301",
        "🦊",
        '"',
        "\\",
        "x" * 300,
        "\ufeff",
    ],
)
def test_strings_of_any_kind_are_equal_to_themselves_alone(store: Store, text: str) -> None:
    _attributes(store, it=text, longer=f"{text}x", before=f"x{text}", other="a")
    assert store.ids(Equals(F, (text,))) == ["it"]
    assert store.ids(Matches(F, Text(text))) == ["it"]
    assert store.ids(StringRange(F, text, text, True, True)) == ["it"]  # noqa: FBT003 — a range's bounds


def test_attributes_exist_by_value_at_the_path_or_below(store: Store) -> None:
    _attributes(
        store,
        text="x",
        empty="",
        no=False,
        zero=0,
        null=None,
        list=[],
        nulls=[None, [None, {}]],
        object={},
        below={"g": 1},
        deep=[{"g": {"h": [None, 1]}}],
        null_below={"g": None},
        empty_key={"": 1},
    )
    store.add(a_sent_record("prefix", attributes={"fg": 1, "f-x": 1, "F": 1}))
    store.add(a_sent_record("dotted", attributes={"f.g": 1}))
    there = ["below", "deep", "dotted", "empty", "empty_key", "no", "text", "zero"]
    assert store.ids(Exists(F)) == there
    missing = ["list", "null", "null_below", "nulls", "object", "prefix"]
    assert store.ids(Not(Exists(F))) == missing
    assert store.ids(Exists(field_named("f.g"))) == ["below", "deep", "dotted"]
    assert store.ids(Exists(field_named("f.g.h"))) == ["deep"]
    assert store.ids(Exists(field_named("f."))) == ["empty_key"]


def test_built_in_fields_exist_where_they_are_not_null(store: Store) -> None:
    store.add(
        a_sent_record("a", service="web", level="info", level_number=9, trace_id="ab"),
        a_sent_record("b", service="", attributes={"host": "x", "trace_id": "y"}),
    )
    assert store.ids(Exists(fields.SERVICE)) == ["a", "b"]
    assert store.ids(Exists(fields.LEVEL)) == store.ids(Exists(fields.TRACE_ID)) == ["a"]
    assert store.ids(Exists(fields.HOST)) == []
    always = (fields.TIMESTAMP, fields.OBSERVED_AT, fields.MESSAGE, fields.STREAM, fields.ID)
    for field in always:
        assert store.ids(Exists(field)) == ["a", "b"]
        assert store.ids(Not(Exists(field))) == []
    assert store.ids(Exists(field_named("attributes.host"))) == ["b"]


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
    _attributes(
        store,
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
    _attributes(
        store,
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
    _attributes(
        store,
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
    assert store.ids(StringRange(fields.HOST, "web-1", None, False, True)) == ["b"]  # noqa: FBT003 — a range's bounds
    assert store.ids(Equals(fields.LEVEL, ("error", "fatal"))) == ["a"]
    assert store.ids(_numbers(13, None, field=fields.LEVEL_NUMBER)) == ["a"]
    assert store.ids(Equals(fields.LEVEL_NUMBER, (9,))) == ["b"]
    assert store.ids(Equals(fields.TRACE_ID, ("ab12",))) == ["c"]
    assert store.ids(Matches(fields.TRACE_ID, Sequence((Text("ab"), ANY_RUN)))) == ["c"]
    assert store.ids(Equals(fields.SPAN_ID, ("cd34",))) == ["c"]
    assert store.ids(Equals(fields.LOGGER, ("x.y",))) == ["c"]
    assert store.ids(Equals(fields.ENVIRONMENT, ("prod",))) == ["c"]
    assert store.ids(Equals(fields.STREAM, ("default",))) == ["a", "b", "c"]
    assert store.ids(Equals(fields.ID, ("a", "c"))) == ["a", "c"]
    assert store.ids(Matches(fields.ID, OneOf(((97, 98),), negated=False))) == ["a", "b"]
    assert store.ids(StringRange(fields.ID, "b", None, True, True)) == ["b", "c"]  # noqa: FBT003 — a range's bounds


def test_not_and_or_nest(store: Store) -> None:
    _attributes(store, a=1, b="1", c=[1, "1"], d=None)
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


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a b", "a:b", "a=b", "a..b", ".a", "a.", ".", "..", "*", "ключ", "🦊"),
        *("a\x00b", "a\\b", "a\\.b", '"a"', "a\nb", "\x01", "`a`", "a/b", "~a", "a~b"),
        *("org_id", "rest", "id", "message", "_id", "attr", "true", "1"),
    ],
)
def test_a_path_of_any_name_is_found_exact_existing_and_missing(store: Store, name: str) -> None:
    field = fields.Field(name, fields.Kind.ATTRIBUTE)
    store.add(
        a_sent_record("text", attributes={name: "v"}),
        a_sent_record("number", attributes={name: 5}),
        a_sent_record("no", attributes={name: False}),
        a_sent_record("below", attributes={name: {"x": "v"}}),
        a_sent_record("else", attributes={f"x{name}": "v", f"{name}x": "v"}),
    )
    assert store.ids(Equals(field, ("v",))) == ["text"]
    assert store.ids(Equals(field, (5,))) == ["number"]
    assert store.ids(Equals(field, (False,))) == ["no"]
    assert store.ids(_numbers(4, 6, field=field)) == ["number"]
    assert store.ids(Matches(field, ANY_RUN)) == ["text"]
    there = ["below", "no", "number", "text"]
    assert store.ids(Exists(field)) == there
    assert store.ids(Not(Exists(field))) == ["else"]
    below = fields.Field(f"{name}.x", fields.Kind.ATTRIBUTE)
    assert store.ids(Equals(below, ("v",))) == ["below"]


def test_nested_keys_and_keys_with_dots_are_one_path(store: Store) -> None:
    store.add(
        a_sent_record("nested", attributes={"a": {"b": {"c": "v"}}}),
        a_sent_record("dotted", attributes={"a.b.c": "v"}),
        a_sent_record("mixed", attributes={"a.b": {"c": ["v"]}}),
        a_sent_record("listed", attributes={"a": [{"b": [[{"c": "v"}]]}]}),
        a_sent_record("other", attributes={"a": {"b.c.d": "v"}, "a.b": "v"}),
    )
    assert store.ids(Equals(field_named("a.b.c"), ("v",))) == [
        "dotted",
        "listed",
        "mixed",
        "nested",
    ]
    assert store.ids(Equals(field_named("a.b"), ("v",))) == ["other"]


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
