from __future__ import annotations

import math

import pytest

from app.logstore.memory.numbers import (
    as_double,
    is_number,
    kind_of,
    number_equals,
    plain,
    text_of,
)
from app.query.filters import Scalar

BIG = 2**53


def test_a_boolean_is_no_number() -> None:
    assert [is_number(value) for value in (1, 1.0, True, False, "1")] == [True, True] + [False] * 3


@pytest.mark.parametrize(
    ("number", "double"),
    [(BIG + 1, float(BIG)), (10**400, math.inf), (-(10**400), -math.inf), (2**64 - 1, 2.0**64)],
)
def test_integers_become_the_nearest_double(number: int, double: float) -> None:
    assert as_double(number) == double


def test_zero_has_no_sign() -> None:
    assert math.copysign(1, as_double(-0.0)) == 1
    assert number_equals(-0.0, 0)
    assert text_of(-0.0) == "0"


@pytest.mark.parametrize(
    ("stored", "asked", "is_equal"),
    [
        (BIG + 1, BIG + 1, True),
        (BIG, BIG + 1, False),
        (BIG + 1, BIG, True),
        (BIG + 1, float(BIG), True),
        (2.0**60, 2**60, True),
        (2**60, 2.0**60, True),
        (2**60 + 1, 2**60, False),
        (2**60 + 1, 2.0**60, True),
        (1, 1.0, True),
        (0.1, 0.1, True),
        (10**400, 10**400, True),
        (10**400, 10**401, False),
    ],
)
def test_the_number_asked_for_decides_how_exact_it_is(
    stored: float, asked: float, *, is_equal: bool
) -> None:
    assert number_equals(stored, asked) is is_equal


@pytest.mark.parametrize(
    ("value", "expected", "text"),
    [
        (200.0, 200, "200"),
        (1.5, 1.5, "1.5"),
        (float(BIG), BIG, "9007199254740992"),
        (BIG + 2, float(BIG + 2), "9007199254740994.0"),
        (1e308, 1e308, "1e+308"),
        (True, True, "true"),
        (False, False, "false"),
        ("1", "1", "1"),
        ("", "", ""),
    ],
)
def test_values_in_tables_are_plain(value: Scalar, expected: Scalar, text: str) -> None:
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)
    assert text_of(value) == text


def test_kinds_keep_values_apart_that_python_takes_for_one() -> None:
    assert [kind_of(value) for value in (1, 1.0, True, "1")] == [
        "number",
        "number",
        "boolean",
        "string",
    ]
