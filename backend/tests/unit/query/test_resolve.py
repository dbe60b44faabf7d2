"""What a query means to a store."""

from __future__ import annotations

import pytest

from app.query import fields
from app.query.errors import QuerySyntaxError
from app.query.fields import Field, Kind
from app.query.filters import (
    And,
    Equals,
    Everything,
    Exists,
    Filter,
    Matches,
    Not,
    NumberRange,
    Or,
    Scalar,
    StringRange,
    TimeWithin,
    TokenMatches,
    Tokens,
)
from app.query.parser import parse
from app.query.patterns import ANY_RUN, OneOf, Repeat, Sequence, Text
from app.query.resolve import names_field, narrowed_range, resolve
from app.query.tree import Match, Name, Query, Word
from tests.cases.loader import NOW_NS

F = Field("f", Kind.ATTRIBUTE)
MAX_DOUBLE = 1.7976931348623157e308


def means(text: str) -> Filter:
    return resolve(parse(text), now_ns=NOW_NS)


def numbers(lower: float | None, upper: float | None, brackets: str) -> Filter:
    first, last = brackets[0], brackets[1]
    return NumberRange(F, lower, upper, includes_lower=first == "[", includes_upper=last == "]")


def strings(lower: str | None, upper: str | None, brackets: str, field: Field = F) -> Filter:
    first, last = brackets[0], brackets[1]
    return StringRange(field, lower, upper, includes_lower=first == "[", includes_upper=last == "]")


def exactly(filter_: Filter) -> str:
    """1, 1.0 and True are equal in Python and differ here."""
    return repr(filter_)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", ("x",)),
        ("500", ("500", 500)),
        ("5.0", ("5.0", 5.0)),
        ("5e2", ("5e2", 500.0)),
        ("-0", ("-0", 0)),
        ("-0.0", ("-0.0", 0.0)),
        ("0500", ("0500",)),
        ("+5", ("+5",)),
        (".5", (".5",)),
        ("5.", ("5.",)),
        ("1e308", ("1e308", 1e308)),
        ("1e309", ("1e309",)),
        ("9007199254740993", ("9007199254740993", 9007199254740993)),
        ("-9223372036854775809", ("-9223372036854775809", -9223372036854775809)),
        ("9" * 400, ("9" * 400,)),
        ("\u0665", ("\u0665",)),
        ("NaN", ("NaN",)),
        ("true", ("true", True)),
        ("false", ("false", False)),
        ("True", ("True",)),
        ('"500"', ("500",)),
        ('"true"', ("true",)),
        ('""', ("",)),
    ],
)
def test_a_value_is_everything_that_it_may_equal(value: str, expected: tuple[Scalar, ...]) -> None:
    assert exactly(means(f"f:{value}")) == exactly(Equals(F, expected))


def test_a_set_of_values_is_one_filter() -> None:
    assert exactly(means("f:(1 OR true OR 1.0 OR 1 OR x)")) == exactly(
        Equals(F, ("1", 1, "true", True, "1.0", 1.0, "x"))
    )
    assert means("f:a OR (service:b OR f:c)") == Or(
        (Equals(F, ("a", "c")), Equals(fields.SERVICE, ("b",)))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service:500", Equals(fields.SERVICE, ("500",))),
        ("service:true", Equals(fields.SERVICE, ("true",))),
        ("level_number:17", Equals(fields.LEVEL_NUMBER, (17,))),
        ("level_number:x", Equals(fields.LEVEL_NUMBER, ())),
        ('level_number:"17"', Equals(fields.LEVEL_NUMBER, ())),
        ("level_number:true", Equals(fields.LEVEL_NUMBER, ())),
        ("level_number:1*", Equals(fields.LEVEL_NUMBER, ())),
        ("level_number > x", Equals(fields.LEVEL_NUMBER, ())),
        ("service > 5", Equals(fields.SERVICE, ())),
        ("trace_id:AB", Equals(fields.TRACE_ID, ("ab",))),
        ("trace_id > AB", strings("ab", None, "{}", field=fields.TRACE_ID)),
        ("level:CRIT", Equals(fields.LEVEL, ("fatal",))),
        ("level:50", Equals(fields.LEVEL, ("error",))),
        ("severity_number:9", Equals(fields.LEVEL, ("info",))),
        ("level >= warn", Equals(fields.LEVEL, ("warn", "error", "fatal"))),
        ("level > fatal", Equals(fields.LEVEL, ())),
        ("level:[* TO debug]", Equals(fields.LEVEL, ("trace", "debug"))),
        ("level:{info TO error}", Equals(fields.LEVEL, ("warn",))),
        ("level:*", Exists(fields.LEVEL)),
        ("id:*", Everything()),
        ("stream:*", Everything()),
        ("observed_at:*", Everything()),
        ("message:*", Everything()),
        ("f:[* TO *]", Exists(F)),
        ("@timestamp:[* TO *]", Everything()),
        ("f != 1", And((Exists(F), Not(Equals(F, ("1", 1)))))),
        ("f != *", And((Exists(F), Not(Exists(F))))),
        ("message != x", Not(Tokens(("x",)))),
        ("id != x", Not(Equals(fields.ID, ("x",)))),
    ],
)
def test_built_in_fields_have_their_kind(text: str, expected: Filter) -> None:
    assert exactly(means(text)) == exactly(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f > 5", numbers(5.0, None, "{}")),
        ("f <= -0.0", numbers(None, 0.0, "[]")),
        ("f:[1 TO 2}", numbers(1.0, 2.0, "[}")),
        ("f:{* TO 2]", numbers(None, 2.0, "{]")),
        ("f > 9007199254740993", numbers(9007199254740992.0, None, "{}")),
        ("f < 1e999", numbers(None, MAX_DOUBLE, "{]")),
        ("f > -1e999", numbers(-MAX_DOUBLE, None, "[}")),
        ("f > 1e999", Equals(F, ())),
        ("f < -1e999", Equals(F, ())),
        ("f:[2 TO 1]", Equals(F, ())),
        ("f:[1 TO 1}", Equals(F, ())),
        ("f:[1 TO 1]", numbers(1.0, 1.0, "[]")),
        ("f > x", strings("x", None, "{}")),
        ('f > "5"', strings("5", None, "{}")),
        ("f >= true", strings("true", None, "[]")),
        ("f:[a TO b}", strings("a", "b", "[}")),
        ("f:[b TO a]", Equals(F, ())),
        ("f:{a TO a]", Equals(F, ())),
        ('f:["*" TO *]', strings("*", None, "[]")),
    ],
)
def test_ranges_have_the_type_of_their_bounds(text: str, expected: Filter) -> None:
    assert exactly(means(text)) == exactly(expected)


@pytest.mark.parametrize(
    ("text", "from_ns", "to_ns"),
    [
        ("@timestamp:[now-1s TO now]", NOW_NS - 10**9, NOW_NS + 1),
        ("@timestamp:[now-1s TO now}", NOW_NS - 10**9, NOW_NS),
        ("@timestamp:{now-1s TO now}", NOW_NS - 10**9 + 1, NOW_NS),
        ("@timestamp >= now", NOW_NS, None),
        ("@timestamp > now", NOW_NS + 1, None),
        ("@timestamp <= now", None, NOW_NS + 1),
        ("@timestamp < now", None, NOW_NS),
        ("@timestamp:now", NOW_NS, NOW_NS + 1),
        ("@timestamp <= 9999-01-01", None, 2**63 - 1),
    ],
)
def test_times_are_half_open(text: str, from_ns: int | None, to_ns: int | None) -> None:
    assert means(text) == TimeWithin(fields.TIMESTAMP, from_ns, to_ns)


def test_patterns_in_the_message_are_folded() -> None:
    assert means("Time*") == TokenMatches(Sequence((Text("time"), ANY_RUN)))
    letters = OneOf(((65, 90), (97, 122)), negated=False)
    assert means("message:/[A-Z]+/") == TokenMatches(Repeat(letters, 1, None))
    assert means("f:/[A-Z]/") == Matches(F, OneOf(((65, 90),), negated=False))
    assert means("span_id:AB*") == Matches(fields.SPAN_ID, Sequence((Text("ab"), ANY_RUN)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* AND x", Tokens(("x",))),
        ("* OR x", Everything()),
        ("* *", Everything()),
        ("NOT *", Not(Everything())),
        (
            "(a f != 1) b",
            And((Tokens(("a",)), Exists(F), Not(Equals(F, ("1", 1))), Tokens(("b",)))),
        ),
    ],
)
def test_what_changes_nothing_is_left_out(text: str, expected: Filter) -> None:
    assert means(text) == expected


def test_a_tree_without_a_text_is_resolved_too() -> None:
    assert resolve(Query(Match(Name("f"), Word("x"))), now_ns=0) == Equals(F, ("x",))
    with pytest.raises(QuerySyntaxError) as caught:
        resolve(Query(Match(Name("level"), Word("x"))), now_ns=0)
    assert (caught.value.text, caught.value.position) == ("level:x", 6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", (None, None)),
        ("@timestamp >= 5", (5_000_000, None)),
        (
            "x @timestamp >= 5 @timestamp >= 7 @timestamp < 9 @timestamp < 20",
            (7_000_000, 9_000_000),
        ),
        ("@timestamp >= 5 OR x", (None, None)),
        ("NOT @timestamp >= 5", (None, None)),
        ("observed_at >= 5", (None, None)),
        ("x (y @timestamp:[5 TO 6}) z", (5_000_000, 6_000_000)),
    ],
)
def test_only_what_holds_for_all_narrows_the_range(
    text: str, expected: tuple[int | None, int | None]
) -> None:
    assert narrowed_range(means(text)) == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("stream:x", fields.STREAM),
        ("a OR NOT (b AND stream != x)", fields.STREAM),
        ("stream:x*", fields.STREAM),
        ("stream > a", fields.STREAM),
        ("a", fields.MESSAGE),
        ("a*", fields.MESSAGE),
        ("f > 1 f:*", F),
        ("@timestamp > now", fields.TIMESTAMP),
    ],
)
def test_a_filter_names_the_fields_that_it_asks(text: str, field: Field) -> None:
    assert names_field(means(text), field)


@pytest.mark.parametrize(
    ("text", "field"),
    [("stream:*", fields.STREAM), ("attributes.stream:x", fields.STREAM), ("f:1", fields.MESSAGE)],
)
def test_a_filter_names_no_other_field(text: str, field: Field) -> None:
    assert not names_field(means(text), field)
