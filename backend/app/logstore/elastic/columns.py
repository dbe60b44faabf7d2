"""The fields that can be grouped by and computed over, and their values as keys."""

from __future__ import annotations

import math
from typing import Any

from app.core.errors import Unsupported
from app.logstore.elastic.compile import column_of
from app.logstore.elastic.names import EXACT, field_names
from app.logstore.schema import json_text
from app.query.fields import Field, Kind

# A value as it stands in tables, in front of it what kind it is: 1, true and "1" are three.
Key = tuple[str, Any]

_KINDS = {"s": "string", "n": "number", "b": "boolean"}


def columns_of(field: Field) -> dict[str, str]:
    """Kind letter to column of all columns that may hold the field's values."""
    if field.kind is Kind.TEXT:
        raise Unsupported(f"the field {field.name!r} cannot be aggregated, only searched")
    if field.is_attribute:
        return dict(zip("snb", field_names(field.name) or (), strict=False))
    return {"n" if field.kind in {Kind.NUMBER, Kind.TIME} else "s": column_of(field)}


def numbers_of(field: Field) -> str | None:
    """The column of the field's numbers, if it can have any."""
    return columns_of(field).get("n")


def key_of(letter: str, bucket: dict[str, Any]) -> Key:
    """The value that a bucket of `terms` stands for."""
    value = bucket["key"]
    if letter == "n":
        value = plain(value)
    elif letter == "b":
        value = bool(value)
    return _KINDS[letter], value


def plain(number: float) -> int | float:
    """A number as it stands in tables: whole ones within ±2**53 are integers."""
    double = float(number) + 0.0
    is_whole = double.is_integer() and abs(double) <= EXACT
    return int(double) if is_whole else double


def number_of(value: float | str | None) -> float | None:
    """A number of an answer; infinite ones come as text."""
    if value is None:
        return None
    number = float(value)
    return None if math.isnan(number) else number


def text_of(key: Key) -> str:
    """The text that a value is ordered by and filtered by prefix: a string itself, else its JSON."""
    return key[1] if isinstance(key[1], str) else json_text(key[1])


def rank(key: Key, count: int) -> tuple[int, str, str]:
    """Sorts the most frequent value first; of equally frequent ones by text, then by kind."""
    return -count, text_of(key), key[0]
