"""Which sent values are trace and span ids: hexadecimal digits, kept in lower case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LOWER = "0123456789abcdef"
_LOWER_BYTES = _LOWER.encode()
_ANY = "0123456789abcdefABCDEF"


def hex_of(value: Any) -> str | None:
    """The id that a sent value means; `None` when it is none."""
    if type(value) is not str or not value:
        return None
    text: str = value
    # Empty when stripped: it has no other characters.
    if not text.strip(_LOWER):
        return text
    return None if text.strip(_ANY) else text.lower()


def hexes_of(values: Sequence[Any]) -> list[str | None]:
    """`hex_of` of many values."""
    if set(map(type, values)) == {str} and "" not in values:
        together = "".join(values)
        if together.isascii() and not together.encode().translate(None, _LOWER_BYTES):
            return list(values)
    return [hex_of(value) for value in values]
