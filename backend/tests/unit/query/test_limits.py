"""The limits of the language, each with a clear answer."""

from __future__ import annotations

import pytest

from app.query.errors import QuerySyntaxError
from app.query.faults import MAX_CLAUSES, MAX_DEPTH
from app.query.lexer import MAX_LENGTH, MAX_PARENTHESES
from app.query.parser import parse
from app.query.resolve import resolve
from app.query.tree import Match, Name, Quoted


def refusal(text: str) -> QuerySyntaxError:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    return caught.value


def refused(text: str) -> QuerySyntaxError:
    with pytest.raises(QuerySyntaxError) as caught:
        resolve(parse(text), now_ns=0)
    return caught.value


def nested(depth: int) -> str:
    """AND and OR in turns, so many of them above the innermost clause."""
    text = "a"
    for level in range(depth):
        text = f"(b {'AND' if level % 2 else 'OR'} {text})"
    return text


def test_a_query_has_at_most_ten_thousand_characters() -> None:
    parse("a" * MAX_LENGTH)
    error = refusal("a" * (MAX_LENGTH + 1))
    assert error.reason == "query_too_long"
    assert (error.position, error.length) == (MAX_LENGTH, 1)


@pytest.mark.parametrize(
    ("text", "least", "wrong"),
    [
        ("f:>={}", 899, (4, 900)),
        ("f:[a TO {}]", 899, (8, 900)),
        ("service:<{}", 900, (9, 901)),
        ("id:{{{} TO *]", 900, (4, 901)),
        ("{}:*", 900, (902, 1)),
        ("{}:[* TO *]", 900, (0, 910)),
        ("{}:>5", 900, (0, 904)),
        ("`{}`:[1 TO 5}}", 900, (0, 912)),
        ("{} != 5", 900, (0, 906)),
        ("NOT {}:*", 900, (906, 1)),
    ],
)
def test_what_is_compared_has_nine_hundred_bytes(
    text: str, least: int, wrong: tuple[int, int]
) -> None:
    resolve(parse(text.format("x" * least)), now_ns=0)
    error = refused(text.format("x" * (least + 1)))
    assert error.reason == "too_long_to_compare"
    assert (error.position, error.length) == wrong
    # Bytes, not characters.
    assert refused(text.format("🦊" * 226)).reason == "too_long_to_compare"


def test_a_value_of_any_length_can_be_asked_for() -> None:
    for text in ("f:{}", "{}:f", "service:{}", "{}:5", "f:({} OR b)"):
        resolve(parse(text.format("🦊" * 9_900)), now_ns=0)


def test_a_query_is_at_most_twenty_deep() -> None:
    resolve(parse(nested(MAX_DEPTH)), now_ns=0)
    error = refusal(nested(MAX_DEPTH + 1))
    assert error.reason == "query_too_deep"
    assert error.length > 0


def test_groups_of_one_operator_are_not_deep() -> None:
    text = "a"
    for _ in range(50):
        text = f"(b AND {text})"
    parse(text)


@pytest.mark.parametrize("negation", ["NOT ", "-", "!"])
def test_negations_count_as_depth(negation: str) -> None:
    parse(negation * MAX_DEPTH + "a")
    error = refusal(negation * (MAX_DEPTH + 1) + "a")
    assert error.reason == "query_too_deep"
    assert error.position == MAX_DEPTH * len(negation)


def test_negations_and_groups_count_together() -> None:
    parse("NOT " * 10 + nested(10))
    assert refusal("NOT " * 11 + nested(10)).reason == "query_too_deep"
    parse("NOT (" * 10 + "a b" + ")" * 10)


def test_redundant_parentheses_have_a_limit_too() -> None:
    parse("(" * MAX_PARENTHESES + "a" + ")" * MAX_PARENTHESES)
    error = refusal("(" * (MAX_PARENTHESES + 1) + "a" + ")" * (MAX_PARENTHESES + 1))
    assert error.reason == "query_too_deep"
    assert (error.position, error.length) == (MAX_PARENTHESES, 1)


@pytest.mark.parametrize("text", ["(" * 10_000, "f:(" * 3_000, "-(" * 5_000, "NOT (" * 2_000])
def test_thousands_of_parentheses_are_a_clear_error(text: str) -> None:
    assert refusal(text).reason == "query_too_deep"


def test_a_query_has_at_most_1024_clauses() -> None:
    clauses = ["a"] * MAX_CLAUSES
    parse(" ".join(clauses))
    error = refusal(" ".join([*clauses, "last"]))
    assert error.reason == "query_too_many_clauses"
    assert (error.position, error.length) == (2 * MAX_CLAUSES, 4)


def test_each_value_of_a_set_is_a_clause() -> None:
    parse(f"f:({' OR '.join(['1'] * MAX_CLAUSES)})")
    too_many = f"f:({' OR '.join(['1'] * (MAX_CLAUSES + 1))})"
    assert refusal(too_many).reason == "query_too_many_clauses"


@pytest.mark.parametrize("text", ["a\ud800b", '"\udfff"', "`\ud800`:1", "/\ud800/"])
def test_half_of_a_surrogate_pair_is_no_text(text: str) -> None:
    error = refusal(text)
    assert error.reason == "invalid_character"
    assert text[error.position : error.position + error.length] in ("\ud800", "\udfff")
    assert error.caret()


def test_any_other_character_is() -> None:
    for text in ("\x00", "\ufffe", "\U0010ffff", "\u2028", "\u202e"):
        assert parse(f'f:"{text}"').filter == Match(Name("f"), Quoted(text))
