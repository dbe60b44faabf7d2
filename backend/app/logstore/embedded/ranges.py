"""Ranges of numbers and strings as pieces that tantivy's range syntax answers rightly.

Measured on tantivy 0.27: both bounds of a range on a JSON path must normalise to the same numeric
type, else it panics; words in a bound know no quoting and no escapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

_FRACTIONS_END = 2.0**52  # from here on every double is whole
_I64_END = 2.0**63
_U64_END = 2.0**64
_UNSAFE = frozenset('{}"[]()`')


class _Typed(Enum):
    I64 = "i64"
    U64 = "u64"
    F64 = "f64"


class Bounds(NamedTuple):
    """A range of doubles; an open side is `None`."""

    lower: float | None
    upper: float | None
    includes_lower: bool = True
    includes_upper: bool = True


def number_pieces(bounds: Bounds) -> list[Bounds]:
    """Ranges whose union is the range given, each with bounds of one type; none if it is empty."""
    lower, upper = bounds.lower, bounds.upper
    if lower is None or upper is None or _typed(lower) is _typed(upper):
        return [] if _is_empty(bounds) else [bounds]
    first = lower if bounds.includes_lower else math.nextafter(lower, math.inf)
    last = upper if bounds.includes_upper else math.nextafter(upper, -math.inf)
    return list(_split(first + 0.0, last + 0.0))


def _is_empty(bounds: Bounds) -> bool:
    lower, upper = bounds.lower, bounds.upper
    if lower is None or upper is None:
        return False
    is_open = not (bounds.includes_lower and bounds.includes_upper)
    return lower > upper or (is_open and lower == upper)


def _typed(number: float) -> _Typed:
    if math.isinf(number) or not number.is_integer():
        return _Typed.F64
    if -_I64_END <= number < _I64_END:
        return _Typed.I64
    return _Typed.U64 if 0 < number <= _U64_END else _Typed.F64


def _split(first: float, last: float) -> Iterator[Bounds]:
    """The closed range cut where the type of whole numbers changes."""
    regions = (
        (-math.inf, math.nextafter(-_I64_END, -math.inf)),
        (-_I64_END, -_FRACTIONS_END),
        (math.nextafter(-_FRACTIONS_END, 0), math.nextafter(_FRACTIONS_END, 0)),
        (_FRACTIONS_END, math.nextafter(_I64_END, 0)),
        (_I64_END, _U64_END),
        (math.nextafter(_U64_END, math.inf), math.inf),
    )
    for region_first, region_last in regions:
        low, high = max(first, region_first), min(last, region_last)
        if low <= high:
            yield _of_one_type(low, high)


def _of_one_type(low: float, high: float) -> Bounds:
    """A closed range inside one region: where fractions exist, both bounds are made fractions."""
    if _typed(low) is _typed(high):
        return Bounds(low, high)
    includes_low, includes_high = True, True
    if low.is_integer():
        low, includes_low = math.nextafter(low, -math.inf), False
    if high.is_integer():
        high, includes_high = math.nextafter(high, math.inf), False
    return Bounds(low, high, includes_low, includes_high)


def number_range_text(path: str, bounds: Bounds) -> str:
    """The range in tantivy's syntax."""
    lower = "*" if bounds.lower is None else _decimal(bounds.lower)
    upper = "*" if bounds.upper is None else _decimal(bounds.upper)
    opening = "[" if bounds.includes_lower else "{"
    closing = "]" if bounds.includes_upper else "}"
    return f"{path}:{opening}{lower} TO {upper}{closing}"


def _decimal(number: float) -> str:
    # Negative numbers may have no exponent there. The largest double stands for infinity: no other
    # number is ever in the index.
    if math.isinf(number):
        number = math.copysign(1.7976931348623157e308, number)
    # All digits: rounded ones could be of another type than the number itself.
    return format(Decimal(number + 0.0), "f")


def is_word(text: str) -> bool:
    """Whether a bound can be written in tantivy's syntax at all."""
    return (
        bool(text)
        and text != "*"
        and text[0] != "-"
        and not any(character in _UNSAFE or character.isspace() for character in text)
    )
