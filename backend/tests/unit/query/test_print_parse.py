"""What is printed is read as the same tree, whatever stands in it."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings

from app.query.lexer import MAX_LENGTH
from app.query.outline import outline
from app.query.parser import parse, parse_once
from app.query.printer import show
from app.query.tree import And, Match, Name, Not, Or, Query, Word
from tests.unit.query import trees

# A name or quoted text may be anything; a word is never empty.
_WORDS_NEVER = {"empty"}


def test_every_tree_is_read_back_and_every_class_of_text_was_in_one() -> None:
    drawn: Counter[tuple[str, str]] = Counter()

    @settings(max_examples=350, deadline=None, database=None, derandomize=True)
    @given(trees.wide_queries)
    def check(query: Query) -> None:
        text = show(query)
        again = parse_once(text)
        assert again == query, text
        assert show(again) == text
        assert outline(again) == outline(query)
        for where, content in trees.texts_of(query.filter):
            drawn.update((where, name) for name, has in trees.CLASSES.items() if has(content))

    check()
    missing = [
        (where, name)
        for where in ("name", "word", "quoted")
        for name in trees.CLASSES
        if not drawn[where, name] and not (where == "word" and name in _WORDS_NEVER)
    ]
    assert not missing


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees.queries)
def test_every_tree_is_read_back(query: Query) -> None:
    assert parse(show(query)) == query


def test_a_long_tree_is_printed_in_the_shortest_way() -> None:
    text = " ".join(f"-a{number}" for number in range(1_000))
    query = parse(text)
    shown = show(query)
    assert len(shown) <= len(text) <= MAX_LENGTH
    assert parse(shown) == query


def test_the_shortest_way_gathers_fields() -> None:
    name = "a_rather_long_name_of_a_field"
    parts = " ".join(f">{number} -[{number} TO 5]" for number in range(500))
    query = parse(f"{name}:({parts}) other")
    shown = show(query)
    assert len(shown) <= MAX_LENGTH
    assert parse(shown) == query


def test_the_shortest_way_is_never_longer_than_what_was_written() -> None:
    written = " ".join(f"a\\ b{number}:-1" for number in range(800))
    assert len(written) <= MAX_LENGTH
    assert len(show(parse(written))) <= len(written)


def test_a_set_is_printed_in_parentheses() -> None:
    either = Or((Match(Name("f"), Word("a")), Match(Name("f"), Word("b"))))
    assert show(Query(either)) == "f:(a OR b)"
    assert show(Query(Not(either))) == "NOT f:(a OR b)"
    assert show(Query(And((either, Match(None, Word("c")))))) == "f:(a OR b) AND c"
