"""Patterns in tantivy's dialect, asked of a real index."""

from __future__ import annotations

import re

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from app.logstore.embedded import regex
from app.logstore.embedded.ids import id_term
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

VALUES = (
    "",
    "a",
    "ab",
    "b\nc",
    "é",
    "İx",
    "😀",
    "a b",
    "[x]",
    "Z",
    "z{1}",
    "\x1f\x20",
    "\t",
    "aaa",
)

PATTERNS: list[tuple[Pattern, set[str]]] = [
    (Empty(), {""}),
    (Text("a b"), {"a b"}),
    (Text("[x]"), {"[x]"}),
    (AnyCodePoint(), {"a", "é", "😀", "Z", "\t"}),
    (Sequence((Text("b"), AnyCodePoint(), Text("c"))), {"b\nc"}),
    (OneOf(((0x61, 0x7A),), negated=False), {"a"}),
    (OneOf(((0x61, 0x7A),), negated=True), {"é", "😀", "Z", "\t"}),
    (OneOf(((0xD800, 0x1FFFF),), negated=False), {"😀"}),
    (OneOf(((0x59, 0x5C),), negated=False), {"Z"}),
    (OneOf((), negated=True), {"a", "é", "😀", "Z", "\t"}),
    (Either((Text("a"), Text("\x1f\x20"))), {"a", "\x1f\x20"}),
    (Repeat(Text("a"), 1, None), {"a", "aaa"}),
    (Repeat(Text("a"), 2, 3), {"aaa"}),
    (Repeat(Text("a"), 0, 1), {"", "a"}),
    (Sequence((Text("z"), ANY_RUN)), {"z{1}"}),
    (Sequence((ANY_RUN, Text("x"), ANY_RUN)), {"İx", "[x]"}),
    (Repeat(OneOf((), negated=False), 0, None), {""}),
    (Either((OneOf((), negated=False), Text("a"))), {"a"}),
]


@pytest.fixture(scope="module")
def found() -> tuple[tantivy.Schema, tantivy.Searcher, list[str]]:
    builder = tantivy.SchemaBuilder()
    for name in ("text", "id"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("number", fast=True)
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(15_000_000, 1)
    for number, value in enumerate(VALUES):
        document = tantivy.Document()
        document.add_text("text", value)
        document.add_text("id", id_term(value))
        document.add_unsigned("number", number)
        writer.add_document(document)
    writer.commit()
    index.reload()
    return schema, index.searcher(), list(VALUES)


def matching(
    found: tuple[tantivy.Schema, tantivy.Searcher, list[str]], field: str, pattern: str
) -> set[str]:
    schema, searcher, values = found
    hits = searcher.search(tantivy.Query.regex_query(schema, field, pattern), 100).hits
    numbers = searcher.fast_field_values("number", [address for _, address in hits])
    return {values[int(number or 0)] for number in numbers}


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_a_pattern_matches_whole_values(
    found: tuple[tantivy.Schema, tantivy.Searcher, list[str]], pattern: Pattern, expected: set[str]
) -> None:
    text, on_ids = regex.printed(pattern), regex.printed_on_ids(pattern)
    assert text is not None
    assert on_ids is not None
    assert matching(found, "text", text) == expected
    assert matching(found, "id", on_ids) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        OneOf((), negated=False),
        OneOf(((0xD800, 0xDFFF),), negated=False),
        Sequence((Text("a"), OneOf((), negated=False))),
        Either((OneOf((), negated=False), OneOf((), negated=False))),
        Repeat(OneOf((), negated=False), 1, None),
    ],
)
def test_what_matches_nothing_is_known_beforehand(pattern: Pattern) -> None:
    assert regex.printed(pattern) is None
    assert regex.printed_on_ids(pattern) is None


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_range_of_hex_numbers_matches_exactly_its_numbers(
    one: int, other: int, asked: int
) -> None:
    first, last = sorted((one, other))
    pattern = re.compile(regex.hex_between(first, last, digits=4))
    for number in (asked, first, last):
        assert (first <= number <= last) == bool(pattern.fullmatch(f"{number:04x}"))
