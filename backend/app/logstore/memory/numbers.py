"""Numbers as every store compares them: IEEE doubles, and integers beyond ±2**53 exactly."""

from __future__ import annotations

import math
from typing import TypeGuard

from app.logstore.schema import EXACT_INTEGER_BOUND, json_text
from app.query.filters import Scalar


def is_number(value: Scalar) -> TypeGuard[int | float]:
    """Whether it is a number; a boolean is none, although Python's is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_double(number: float) -> float:
    """The double nearest to a number, infinite beyond their range; zero has no sign."""
    try:
        return float(number) + 0.0
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def number_equals(stored: float, asked: float) -> bool:
    """Whether a stored number answers to a number in a query (`filters.Equals`).

    The number asked for decides: an integer beyond ±2**53 equals a number of exactly that value,
    whether it was sent as 2**60 or as 1152921504606846976.0. Every other number is compared as a
    double, so 2**53 and 2.0**60 also find the integers that round to them.
    """
    if isinstance(asked, int) and abs(asked) > EXACT_INTEGER_BOUND:
        return stored == asked
    return as_double(stored) == as_double(asked)


def plain(value: Scalar) -> Scalar:
    """The value as it stands in tables and lists of values.

    A number becomes its double, written as an integer when it is one within ±2**53: 200 and 200.0
    are one value.
    """
    if not is_number(value):
        return value
    double = as_double(value)
    is_plain_integer = double.is_integer() and abs(double) <= EXACT_INTEGER_BOUND
    return int(double) if is_plain_integer else double


def text_of(value: Scalar) -> str:
    """The text that a value is filtered by prefix and ordered by: a string itself, else its JSON."""
    return value if isinstance(value, str) else json_text(plain(value))


def kind_of(value: Scalar) -> str:
    """`string`, `number` or `boolean`: values of different kinds never equal each other."""
    if isinstance(value, str):
        return "string"
    return "number" if is_number(value) else "boolean"
