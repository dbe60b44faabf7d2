"""Whatever is asked, the answer is a tree and a filter, or an error that points."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.query.errors import QuerySyntaxError
from app.query.parser import parse
from app.query.printer import show
from app.query.resolve import resolve
from app.query.validate import validate
from tests.cases.loader import NOW_NS, load_cases

PIECES = st.sampled_from(
    [
        *(
            "AND",
            "OR",
            "NOT",
            "TO",
            " ",
            " ",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ":",
            '"',
            "`",
            "|",
            "/",
        ),
        *(
            "\\",
            "*",
            "?",
            "-",
            "!",
            "=",
            "<",
            ">",
            ">=",
            "!=",
            "a",
            "level",
            "message",
            "@timestamp",
        ),
        *("error", "500", "1e999", "now-1d/d", "now", "true", ".", "\n", "é", "İ", "😀", "\ud800"),
        *("f:", "f:(", "f:[1 TO ", "level:", "/a.*/", "/[^", "(?", "{2,", "trace_id:", "id:", "``"),
    ]
)
SHREDS = st.lists(PIECES, max_size=14).map("".join)
ASKED = [case.ask for case in load_cases()]


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    """A case with a part cut out, doubled or put elsewhere."""
    text = draw(st.sampled_from(ASKED))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    instead = draw(st.one_of(st.just(""), PIECES, st.just(text[start:end] * 2)))
    return text[:start] + instead + text[end:]


def check(text: str) -> None:
    found = validate(text, now_ns=NOW_NS)
    if found.query is not None:
        shown = show(found.query)
        assert parse(shown) == found.query
        assert resolve(parse(shown), now_ns=NOW_NS) == found.filter
    if found.error is not None:
        check_error(text, found.error)


def check_error(text: str, error: QuerySyntaxError) -> None:
    assert 0 <= error.position <= error.position + error.length <= len(text)
    assert error.detail
    assert not error.detail.endswith(".")
    line, pointer = error.caret().split("\n")
    assert line.isprintable()
    assert pointer.lstrip(" ").startswith("^")
    if error.suggestion is not None:
        parse(error.suggestion)


@settings(max_examples=1_000, deadline=None)
@given(SHREDS)
@example("level:")
@example("|")
@example('"" |')
@example("a`\n`")
@example("@timestamp:\\\n")
def test_shreds_of_the_language_are_answered(text: str) -> None:
    check(text)


@settings(max_examples=500, deadline=None)
@given(mutilated())
def test_mutilated_cases_are_answered(text: str) -> None:
    check(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    check(text)


LONG = [
    "a" * 10_000,
    '"' * 9_999,
    "`" * 9_999,
    "\\" * 9_999,
    "/a" * 5_000,
    "/a " * 3_333,
    "[" * 10_000,
    "f:[" * 3_333,
    ": " * 5_000,
    ">" * 10_000,
    "a*" * 5_000,
    "AND " * 2_500,
    "f:(a " * 2_000,
    "f:/" + "a" * 996 + "/",
    "f:/" + "(a?)" * 249 + "/",
    "f:/" + "(.*a)" * 199 + "/",
    "f:/" + "[a-z]*" * 166 + "/",
    " ".join(f"f:*{number}?????x" for number in range(700)),
    " OR ".join(f"f:/.{{{number % 40 + 1}}}/" for number in range(600)),
    "level:" + "x" * 9_900,
    "@timestamp:" + "now-1d" * 1_600,
    "f:" + "9" * 9_900,
    "f > 1e" + "9" * 9_900,
]


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:12])
def test_the_longest_texts_are_answered(text: str) -> None:
    check(text)
