"""Hypothesis strategies for records and filters, and a count of what a run has drawn.

Names, values and words come from small pools half of the time, so that random filters find random
records; the other half is all of Unicode and all of the doubles.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import strategies as st

from app.logstore.types import RoutedRecord, SortKey, StoredRecord, sort_key_of
from app.query import fields
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
    StringRange,
    TimeWithin,
    TokenMatches,
    Tokens,
)
from app.query.levels import LEVEL_NUMBERS
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
from app.query.words import token_texts
from tests.conformance.records import NOON_NS, a_record, a_sent_record

_BIG = 2**53
INTEGERS = (
    *(0, 1, -1, 5, 500, _BIG - 1, _BIG, _BIG + 1, -_BIG + 1, -_BIG, -_BIG - 1),
    *(2**63 - 1, 2**63, 2**64 - 1, -(2**63), -(2**63) + 1),
)
DOUBLES = (0.5, -0.0, 1e308, -1e308, 5e-324, float(_BIG), float(2**63), 500.0, 1e16, 0.1)
STRINGS = (
    *(
        "",
        "a",
        "A",
        "b",
        "ab",
        "500",
        "true",
        "null",
        "-0",
        "1e308",
        "a b",
        "=a",
        "a*",
        "ﬀ",
        "İ",
        "\0",
    ),
    *("2026-11-20", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00.123456789+01:00", "é", "🦊", "\n"),
)
KEYS = ("a", "b", "a.b", "b.a", "", ".", "a b", "a:b", "é", "a.", ".a", "A", "a\x00b", "\x01", "~")
WORDS = (
    "error",
    "Timeout",
    "10.0.0.7",
    "user_id=7",
    "été",
    "ÉTÉ",
    "日本",
    "İx",
    "ß",
    "a",
    "b",
    "٣",
)

# Every code point a string can have: those of surrogates are none.
_anywhere = st.one_of(st.integers(0, 0xD7FF), st.integers(0xE000, 0x10FFFF)).map(chr)
characters = st.one_of(st.characters(codec="utf-8"), _anywhere, st.sampled_from("ab .:\x00\n"))
texts = st.text(characters, max_size=12)
moments = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
strings = st.one_of(st.sampled_from(STRINGS), texts, moments)
integers = st.one_of(st.sampled_from(INTEGERS), st.integers(-(2**63), 2**64 - 1))
doubles = st.one_of(st.sampled_from(DOUBLES), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(strings, integers, doubles, st.booleans())
keys = st.one_of(st.sampled_from(KEYS), st.text(characters, max_size=6))
values = st.recursive(
    st.one_of(scalars, scalars, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)


def _some_specials(seed: int) -> list[Any]:
    return Random(seed).choices([*INTEGERS, *DOUBLES, *STRINGS], k=6)


# Chosen by a seed, because choices of hypothesis repeat themselves: so a short run meets each one.
special_values = st.integers(0, 2**32).map(_some_specials)
messages = st.one_of(
    st.lists(st.one_of(st.sampled_from(WORDS), texts), max_size=8).map(" ".join), texts
)
keywords = st.one_of(st.none(), strings)
instants = st.one_of(
    st.integers(NOON_NS - 3, NOON_NS + 3), st.integers(0, 2**63 - 2), st.just(NOON_NS)
)
ids = st.text(characters, min_size=1, max_size=8)


@st.composite
def records(draw: st.DrawFn) -> RoutedRecord:
    """A record, one in four with an id of the sender's."""
    level = draw(st.sampled_from([None, *LEVEL_NUMBERS]))
    drawn: dict[str, Any] = {
        "message": draw(messages),
        "at": draw(instants),
        "received": NOON_NS + draw(st.integers(-3, 3)),
        "stream": draw(st.sampled_from(["default", "default", "other", "_hidden"])),
        "level": level,
        "level_number": None if level is None else LEVEL_NUMBERS[level] + draw(st.integers(0, 3)),
        "attributes": draw(st.dictionaries(keys, values, max_size=5)),
    }
    if draw(st.integers(0, 2)):
        drawn["attributes"][draw(keys)] = draw(special_values)
    for name in ("service", "host", "environment", "logger", "trace_id", "span_id"):
        drawn[name] = draw(keywords)
    if draw(st.integers(0, 3)) == 0:
        return a_sent_record(draw(ids), **drawn)
    return a_record(**drawn)


record_lists = st.lists(records(), min_size=1, max_size=12)

_KEYWORDS = [field for field in fields.BUILT_IN.values() if field.kind is Kind.KEYWORD]
attribute_paths = st.one_of(keys, st.lists(keys, min_size=1, max_size=3).map(".".join)).map(
    lambda path: Field(path, Kind.ATTRIBUTE)
)
string_fields = st.one_of(attribute_paths, attribute_paths, st.sampled_from(_KEYWORDS))
number_fields = st.one_of(attribute_paths, attribute_paths, st.just(fields.LEVEL_NUMBER))
any_fields = st.one_of(attribute_paths, st.sampled_from(list(fields.BUILT_IN.values())))


@st.composite
def equals(draw: st.DrawFn) -> Equals:
    """Equality on a field that can have such values."""
    if draw(st.integers(0, 9)) == 0:
        chosen = draw(st.lists(st.sampled_from(list(LEVEL_NUMBERS)), max_size=3))
        return Equals(fields.LEVEL, tuple(chosen))
    if draw(st.booleans()):
        return Equals(draw(string_fields), tuple(draw(st.lists(strings, max_size=3))))
    if draw(st.booleans()):
        numbers = st.lists(st.one_of(integers, doubles), max_size=3)
        return Equals(draw(number_fields), tuple(draw(numbers)))
    return Equals(draw(attribute_paths), tuple(draw(st.lists(scalars, max_size=3))))


@st.composite
def number_ranges(draw: st.DrawFn) -> NumberRange:
    """A range with at least one bound."""
    bounds = st.one_of(doubles, integers.map(float))
    lower, upper = draw(st.one_of(st.none(), bounds)), draw(st.one_of(st.none(), bounds))
    if lower is None and upper is None:
        lower = draw(bounds)
    return NumberRange(draw(number_fields), lower, upper, draw(st.booleans()), draw(st.booleans()))


@st.composite
def string_ranges(draw: st.DrawFn) -> StringRange:
    """A range with at least one bound."""
    lower, upper = draw(st.one_of(st.none(), strings)), draw(st.one_of(st.none(), strings))
    if lower is None and upper is None:
        lower = draw(strings)
    return StringRange(draw(string_fields), lower, upper, draw(st.booleans()), draw(st.booleans()))


@st.composite
def times_within(draw: st.DrawFn) -> TimeWithin:
    """A range of time, open or not, sometimes empty."""
    field = draw(st.sampled_from([fields.TIMESTAMP, fields.OBSERVED_AT]))
    open_or = st.one_of(st.none(), instants)
    return TimeWithin(field, draw(open_or), draw(open_or))


def _normal(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted, disjoint and not adjacent, as `OneOf` promises."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((min(pair), max(pair)) for pair in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


_code_points = st.one_of(characters.map(ord), st.sampled_from([0, 0x41, 0x61, 0x7F, 0x10FFFF]))
_classes = st.builds(
    lambda ranges, negated: OneOf(_normal(ranges), negated),
    st.lists(st.tuples(_code_points, _code_points), min_size=1, max_size=3),
    st.booleans(),
)


def patterns_of(texts_inside: st.SearchStrategy[str]) -> st.SearchStrategy[Pattern]:
    """Pattern trees, small enough for every engine, over texts of a kind."""
    literal: st.SearchStrategy[Pattern] = st.one_of(
        texts_inside.filter(bool).map(Text),
        st.just(AnyCodePoint()),
        st.just(ANY_RUN),
        st.just(Empty()),
        _classes,
    )

    def combined(inner: st.SearchStrategy[Pattern]) -> st.SearchStrategy[Pattern]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        most = st.one_of(st.none(), st.integers(2, 3))
        return st.one_of(
            several.map(Sequence),
            several.map(Either),
            st.builds(Repeat, inner, st.integers(0, 2), most),
        )

    return st.recursive(literal, combined, max_leaves=4)


_single_words = st.one_of(messages, texts).flatmap(
    lambda text: st.sampled_from(token_texts(text) or ("a",))
)
_phrases = messages.map(token_texts).filter(bool).map(lambda tokens: tokens[:4])
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.just(Everything()),
    st.one_of(_single_words.map(lambda word: (word,)), _phrases).map(Tokens),
    patterns_of(_single_words).map(TokenMatches),
    equals(),
    equals(),
    st.builds(Exists, any_fields),
    number_ranges(),
    string_ranges(),
    times_within(),
    st.builds(Matches, string_fields, patterns_of(strings)),
)


def _joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(several.map(And), several.map(Or), inner.map(Not))


filters: st.SearchStrategy[Filter] = st.recursive(leaves, _joined, max_leaves=5)


def key_of(record: StoredRecord) -> SortKey:
    """Where a record stands in the order."""
    return sort_key_of(record)
