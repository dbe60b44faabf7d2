"""Regular expressions and wildcards become one tree, and mistakes have a place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.logstore.memory.regex import whole_value_test
from app.query import regex, words
from app.query.folding import folded
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
    of_glob,
)

DIGITS = OneOf(((48, 57),), negated=False)


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("", Empty()),
        ("()", Empty()),
        ("abc", Text("abc")),
        (".", AnyCodePoint()),
        (r"\d", DIGITS),
        (r"\D", OneOf(((0, 47), (58, 0x10FFFF)), negated=False)),
        (r"[\d]", DIGITS),
        (r"\/\.\ \-", Text("/. -")),
        (r"\t\n\r", Text("\t\n\r")),
        ("[a]", Text("a")),
        ("[^a]", OneOf(((97, 97),), negated=True)),
        ("[a-cb-eg]", OneOf(((97, 101), (103, 103)), negated=False)),
        ("[-a]", OneOf(((45, 45), (97, 97)), negated=False)),
        ("[a-]", OneOf(((45, 45), (97, 97)), negated=False)),
        (
            "[.*+?^$|(){}]",
            OneOf(((36, 36), (40, 43), (46, 46), (63, 63), (94, 94), (123, 125)), negated=False),
        ),
        (r"[\]\\\[]", OneOf(((91, 93),), negated=False)),
        ("a*", Repeat(Text("a"), 0, None)),
        ("a+", Repeat(Text("a"), 1, None)),
        ("a?", Repeat(Text("a"), 0, 1)),
        ("a{3}", Repeat(Text("a"), 3, 3)),
        ("a{3,}", Repeat(Text("a"), 3, None)),
        ("a{0,3}", Repeat(Text("a"), 0, 3)),
        ("a{1}", Text("a")),
        ("a{0}", Empty()),
        ("()*", Empty()),
        ("ab*", Sequence((Text("a"), Repeat(Text("b"), 0, None)))),
        ("(ab)*", Repeat(Text("ab"), 0, None)),
        ("(?:ab)c", Text("abc")),
        ("((a)(b(c)))d", Text("abcd")),
        ("a|b|a", Either((Text("a"), Text("b")))),
        ("a|", Either((Text("a"), Empty()))),
        ("(a|(b|c))", Either((Text("a"), Text("b"), Text("c")))),
        ("é日😀", Text("é日😀")),
    ],
)
def test_an_expression_is_read(source: str, pattern: Pattern) -> None:
    assert regex.parse(source) == pattern


@pytest.mark.parametrize(
    ("source", "start", "end"),
    [
        ("a$", 1, 2),
        ("a**", 2, 3),
        ("a*{2}", 2, 3),
        ("a{2}{3}", 4, 5),
        ("a{,3}", 1, 5),
        ("a{99999}", 1, 8),
        ("a{2", 1, 2),
        ("{2}", 0, 1),
        ("(|*)", 2, 3),
        ("a}", 1, 2),
        ("a]", 1, 2),
        ("(?#x)a", 0, 5),
        ("(?'x'a)", 0, 5),
        (r"\x41", 0, 2),
        (r"\A", 0, 2),
        (r"\0", 0, 2),
        ("a\\", 1, 2),
        ("[[:alpha:]]", 1, 2),
        (r"[a-\d]", 1, 5),
        (r"[\d-z]", 1, 5),
        ("[^]", 0, 3),
        ("[a", 0, 2),
        (r"[\b]", 1, 3),
    ],
)
def test_what_the_dialect_lacks_is_refused_at_its_place(source: str, start: int, end: int) -> None:
    with pytest.raises(regex.RegexError) as caught:
        regex.parse(source)
    assert (caught.value.start, caught.value.end) == (start, end)
    assert caught.value.reason == "invalid_regex"


@pytest.mark.parametrize("source", ["a" * 1_001, "(" * 60 + "a" + ")" * 60])
def test_an_expression_that_is_too_large_to_read_is_too_complex(source: str) -> None:
    with pytest.raises(regex.RegexError) as caught:
        regex.parse(source)
    assert caught.value.reason == "regex_too_complex"


@pytest.mark.parametrize(
    ("glob", "pattern"),
    [
        ("*", ANY_RUN),
        ("**", ANY_RUN),
        ("?", AnyCodePoint()),
        ("a*b", Sequence((Text("a"), ANY_RUN, Text("b")))),
        ("a\\*b?", Sequence((Text("a*b"), AnyCodePoint()))),
        ("\\\\*", Sequence((Text("\\"), ANY_RUN))),
    ],
)
def test_a_wildcard_is_read(glob: str, pattern: Pattern) -> None:
    assert of_glob(glob) == pattern


PIECES = st.sampled_from(
    [
        "a",
        "B",
        "é",
        "É",
        "İ",
        "ß",
        "[a-z]",
        "[A-Z]",
        "[^a]",
        "[^A]",
        "[à-ý]",
        "[À-Ý]",
        r"\w",
        r"\W",
        r"\d",
        r"\S",
        ".",
        "(A|b)",
    ]
)
SOURCES = st.lists(
    st.tuples(PIECES, st.sampled_from(["", "", "*", "+", "?", "{1,2}"])).map("".join), max_size=5
).map("".join)
SUBJECTS = st.text(st.sampled_from("aAbBzéÉßçÇ09_-\n\u017f\u212a"), max_size=6)


@settings(max_examples=400, deadline=None)
@given(SOURCES, SUBJECTS)
def test_an_expression_matches_what_pythons_does(source: str, subject: str) -> None:
    # Every piece means the same in Python's dialect with these flags.
    expected = re.fullmatch(source, subject, re.DOTALL | re.ASCII) is not None
    assert whole_value_test(regex.parse(source))(subject) == expected


@settings(max_examples=200, deadline=None)
@given(st.characters(exclude_categories=["Cs"]), st.characters(exclude_categories=["Cs"]))
def test_a_folded_class_matches_the_lower_case_of_its_members(first: str, last: str) -> None:
    low, high = sorted((ord(first), ord(last)))
    inside = whole_value_test(folded(OneOf(((low, high),), negated=False)))
    for code_point in {low, high, (low + high) // 2} - set(range(0xD800, 0xE000)):
        assert inside(words.lower(chr(code_point)))


@pytest.mark.parametrize(
    ("source", "token"),
    [
        ("CONN.*", "connection"),
        ("[A-Z]+", "abc"),
        ("[^A-Z]+", "123"),
        ("(ERROR|Warn){2}", "errorwarn"),
        ("İ", "i"),
        ("É", "é"),
        ("Σ", "\u03c3"),
    ],
)
def test_a_folded_expression_sees_no_case(source: str, token: str) -> None:
    assert whole_value_test(folded(regex.parse(source)))(token)


@pytest.mark.parametrize(("source", "token"), [("[^A-Z]+", "abc"), (r"\W", "a"), ("[^À-Ý]", "é")])
def test_a_folded_negated_class_sees_no_case(source: str, token: str) -> None:
    assert not whole_value_test(folded(regex.parse(source)))(token)
