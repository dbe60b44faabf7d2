"""Which level a sent value means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.ingest.normalising.shapes import Place
from app.query.levels import LEVEL_BY_WORD, LEVEL_NUMBERS, level_of_number, level_of_word

# A level and its number.
Level = tuple[str, int]

_OTEL_SEVERITY = "severity_number"
_USUAL_LEVELS = {
    spelled: (level, LEVEL_NUMBERS[level])
    for word, level in LEVEL_BY_WORD.items()
    for spelled in (word, word.upper(), word.capitalize())
}


def level_at(place: Place, value: Any) -> Level | None:
    """The level of a value that stood in this place of a record; `None` when it means none."""
    kind = type(value)
    if kind is str:
        known = _USUAL_LEVELS.get(value)
        if known is not None:
            return known
        level = level_of_word(value)
        return None if level is None else (level, LEVEL_NUMBERS[level])
    if kind is float and value.is_integer():
        value, kind = int(value), int
    if kind is not int:
        return None
    return level_of_number(value, is_otel=place == _OTEL_SEVERITY)


def levels_at(place: Place, values: Sequence[Any]) -> list[Level | None]:
    """`level_at` of many values."""
    if set(map(type, values)) == {str}:
        found = list(map(_USUAL_LEVELS.get, values))
        if None not in found:
            return found
    return [level_at(place, value) for value in values]
