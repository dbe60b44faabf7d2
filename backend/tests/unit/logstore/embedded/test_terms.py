"""How values become terms: order and identity survive, for all of Unicode and all doubles."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.logstore.embedded.ids import id_of_term, id_term
from app.logstore.embedded.paths import is_plain
from app.logstore.embedded.ranges import Bounds, is_word, number_pieces
from app.logstore.embedded.schema import (
    MAX_VALUE_CHARACTERS,
    escape_path,
    number_of_token,
    number_token,
    string_token,
    unescape_path,
)

characters = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("\t\n\x0b\x0c\r\x1f !\"'()*Z[\\]^_`az{|}~\x84\x85\x9f\xa0\u2028\u3000-+0"),
)
texts = st.text(characters, max_size=12)
doubles = st.floats(allow_nan=False)


@given(texts, texts)
def test_ids_keep_their_order(one: str, other: str) -> None:
    assert (one < other) == (id_term(one) < id_term(other))


@given(texts)
def test_ids_come_back(text: str) -> None:
    assert id_of_term(id_term(text)) == text


@given(texts)
@example("*")
@example("-1")
@example("TO")
def test_every_id_can_be_a_bound(text: str) -> None:
    term = id_term(text)
    # White space for Python, but not for Unicode and so not for tantivy.
    assert is_word(term.translate(dict.fromkeys(range(0x1C, 0x20))))
    assert term[0] == "i"


@given(doubles, doubles)
def test_number_tokens_keep_the_order_of_doubles(one: float, other: float) -> None:
    assert (one < other) == (number_token(one) < number_token(other))


@given(doubles)
def test_numbers_come_back(number: float) -> None:
    assert number_of_token(number_token(number)) == number


def test_zero_has_no_sign() -> None:
    assert number_token(-0.0) == number_token(0.0)


@given(st.text(), st.text())
def test_escaped_paths_differ_and_hold_no_nul(one: str, other: str) -> None:
    assert (one == other) == (escape_path(one) == escape_path(other))
    assert "\0" not in escape_path(one)
    assert unescape_path(escape_path(one)) == one


@pytest.mark.parametrize("path", ["\0", "\x01", "\x01\x02", "\x01k\0", "a\x01\0b"])
def test_odd_paths_come_back(path: str) -> None:
    assert unescape_path(escape_path(path)) == path


def test_a_value_beyond_the_limit_is_its_hash() -> None:
    assert string_token("x" * MAX_VALUE_CHARACTERS) == "s" + "x" * MAX_VALUE_CHARACTERS
    assert len(string_token("x" * (MAX_VALUE_CHARACTERS + 1))) == 33


@pytest.mark.parametrize("path", ["a", "a.b", "_x", "@x", "user-id", "a/b.c0", "x" * 200])
def test_usual_paths_may_be_mapped(path: str) -> None:
    assert is_plain(path)


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a b", "a:b", "é", "a\0", "x" * 201])
def test_odd_paths_are_not_mapped(path: str) -> None:
    assert not is_plain(path)


numbers = st.one_of(
    doubles,
    st.sampled_from([2.0**52, 2.0**53, 2.0**63, 2.0**64, 1e308, 0.0, 5.0, 5.5, 5e-324]),
    st.integers(-(2**70), 2**70).map(float),
).flatmap(lambda number: st.sampled_from([number, -number]))


def is_within(number: float, bounds: Bounds) -> bool:
    lower, upper = bounds.lower, bounds.upper
    above = lower is None or number > lower or (bounds.includes_lower and number == lower)
    below = upper is None or number < upper or (bounds.includes_upper and number == upper)
    return above and below


def type_of(number: float) -> str:
    """What tantivy makes of a bound that is written with all digits (`NumericalValue::from_str`)."""
    if math.isinf(number) or not number.is_integer():
        return "f64"
    if -(2**63) <= number < 2**63:
        return "i64"
    return "u64" if 0 < number <= 2**64 else "f64"


@given(numbers, numbers, st.tuples(st.booleans(), st.booleans()), st.lists(numbers, max_size=5))
def test_the_pieces_of_a_range_are_the_range(
    lower: float, upper: float, sides: tuple[bool, bool], asked: list[float]
) -> None:
    whole = Bounds(lower, upper, *sides)
    pieces = number_pieces(whole)
    for piece in pieces:
        assert piece.lower is not None
        assert piece.upper is not None
        assert type_of(piece.lower) == type_of(piece.upper)
    for number in (*asked, lower, upper, (lower / 2 + upper / 2)):
        assert is_within(number, whole) == any(is_within(number, piece) for piece in pieces)
