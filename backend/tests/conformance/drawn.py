"""What the records of a run must have had in them: a run that drew none of a class has failed."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.logstore.types import RoutedRecord

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")

_VALUES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "minus zero": lambda value: value == 0 and math.copysign(1, value) < 0,
    "empty list": lambda value: value == [],
    "empty object": lambda value: value == {},
    "list in a list": lambda value: (
        isinstance(value, list) and any(isinstance(one, list) for one in value)
    ),
    "object in a list": lambda value: (
        isinstance(value, list) and any(isinstance(one, dict) for one in value)
    ),
}
_STRINGS: dict[str, Callable[[str], bool]] = {
    "empty string": lambda text: not text,
    "RFC 3339": lambda text: _RFC_3339.match(text) is not None,
    "NUL": lambda text: "\0" in text,
    "new line": lambda text: "\n" in text,
}
_KEYS: dict[str, Callable[[str], bool]] = {
    "empty key": lambda key: not key,
    "key with a dot": lambda key: "." in key,
    "key with a space": lambda key: " " in key,
    "key with a colon": lambda key: ":" in key,
    "key beyond ASCII": lambda key: not key.isascii(),
}
_NUMBERS = {
    "2**53": 2**53,
    "2**53 + 1": 2**53 + 1,
    "2**53 - 1": 2**53 - 1,
    "-2**53": -(2**53),
    "-2**53 - 1": -(2**53) - 1,
    "-2**53 + 1": -(2**53) + 1,
    "2**63": 2**63,
    "2**63 - 1": 2**63 - 1,
    "-2**63": -(2**63),
    "1e308": 1e308,
}
_MAJOR_CATEGORIES = "CLMNPSZ"
# Every block of 65,536 code points that has characters of its own.
_PLANES = (0, 1, 2, 14, 16)

CLASSES = {
    *_VALUES,
    *_STRINGS,
    *_KEYS,
    *_NUMBERS,
    *(f"category {major}" for major in _MAJOR_CATEGORIES),
    *(f"plane {plane}" for plane in _PLANES),
}


class Drawn:
    """Counts classes over the records of a run."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def note(self, records: Iterable[RoutedRecord]) -> None:
        """Takes records into the count."""
        for record in records:
            self._note_text(record.message)
            for key, value in _walk(record.attributes):
                if key is not None:
                    self._count(_KEYS, key)
                    self._note_text(key)
                self._note_value(value)

    def missing(self) -> set[str]:
        """The classes that no record had."""
        return CLASSES - set(self._seen)

    def _note_value(self, value: Any) -> None:
        self._count(_VALUES, value) if not isinstance(value, str) else self._note_string(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._seen.update(name for name, number in _NUMBERS.items() if number == value)

    def _note_string(self, text: str) -> None:
        self._count(_STRINGS, text)
        self._note_text(text)

    def _note_text(self, text: str) -> None:
        for character in text:
            self._seen[f"category {unicodedata.category(character)[0]}"] += 1
            self._seen[f"plane {ord(character) >> 16}"] += 1

    def _count(self, classes: dict[str, Callable[[Any], bool]], value: Any) -> None:
        self._seen.update(name for name, test in classes.items() if test(value))


def _walk(value: Any) -> Iterator[tuple[str | None, Any]]:
    """Every (key, value) inside, elements of lists without a key."""
    inside: Iterable[tuple[str | None, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = ((None, one) for one in value)
    for key, child in inside:
        yield key, child
        yield from _walk(child)
