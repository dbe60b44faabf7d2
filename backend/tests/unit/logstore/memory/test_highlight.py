from __future__ import annotations

import pytest

from app.logstore.memory.highlight import highlight
from app.query import fields
from app.query.filters import And, Equals, Everything, Exists, Filter, Not, Or, TokenMatches, Tokens
from app.query.patterns import ANY_RUN, Sequence, Text
from tests.conformance.records import a_record

WEB = Equals(fields.SERVICE, ("web",))


def _word(*words: str) -> Tokens:
    return Tokens(words)


@pytest.mark.parametrize(
    ("message", "filter_", "expected"),
    [
        ("Connection refused", _word("refused"), [(11, 18)]),
        ("refused, Refused; REFUSED", _word("refused"), [(0, 7), (9, 16), (18, 25)]),
        ("nothing here", _word("refused"), []),
        ("connection: refused!", _word("connection", "refused"), [(0, 19)]),
        ("a b a b a", _word("a", "b", "a"), [(0, 9)]),
        ("x a b y a b", _word("a", "b"), [(2, 5), (8, 11)]),
        ("🦊 été 日本", _word("日本"), [(6, 8)]),
        ("🦊🦊 fox", _word("fox"), [(3, 6)]),
        ("İx İX", _word("ix"), [(0, 2), (3, 5)]),
        ("timeout timer time", TokenMatches(Sequence((Text("time"), ANY_RUN))), None),
        ("", _word("a"), []),
        ("a b", Everything(), []),
    ],
)
def test_places_are_code_points_of_the_message(
    message: str, filter_: Filter, expected: list[tuple[int, int]] | None
) -> None:
    places = [(0, 7), (8, 13), (14, 18)] if expected is None else expected
    assert highlight(filter_, a_record(message)) == places


def test_nothing_under_not_is_highlighted() -> None:
    record = a_record("one two three", service="web")
    assert highlight(Not(_word("four")), record) == []
    assert highlight(And((_word("one"), Not(_word("four")))), record) == [(0, 3)]
    assert highlight(Not(Not(_word("one"))), record) == []


def test_a_branch_that_does_not_match_is_not_highlighted() -> None:
    record = a_record("one two three", service="web")
    other = Equals(fields.SERVICE, ("db",))
    query = Or((And((_word("one"), other)), And((_word("two"), WEB)), Exists(fields.HOST)))
    assert highlight(query, record) == [(4, 7)]


def test_places_of_all_matching_branches_are_sorted_and_merged() -> None:
    record = a_record("one two three two")
    query = Or((_word("three", "two"), _word("two", "three"), _word("one")))
    assert highlight(query, record) == [(0, 3), (4, 17)]
    assert highlight(And((_word("three"), _word("one"))), record) == [(0, 3), (8, 13)]


def test_fields_are_not_highlighted() -> None:
    assert highlight(WEB, a_record("web", service="web")) == []
