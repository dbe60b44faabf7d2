"""Named values of a request, from the address or from JSON; every mistake is reported at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeVar

from app.core.errors import FieldError, Invalid

Default = TypeVar("Default")

# A body has room for a million, and an answer about each would be many times as large.
MOST_UNKNOWN = 20
_LONGEST_NAME = 100
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


class Parameters:
    """Reads values by name and collects what is wrong with them; `check` raises it.

    A getter answers with the default after a mistake, so that the next mistake is found too.
    `None` and, in an address, the empty text count as not sent. `path` stands before the names in
    errors: `group_by[0].`.
    """

    def __init__(self, values: Mapping[str, Any], *, path: str = "") -> None:
        self._values = values
        self._path = path
        self._asked_for: set[str] = set()
        self.errors: list[FieldError] = []

    def text(self, name: str, *, default: str = "", most: int) -> str:
        """A text of at most so many characters."""
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            return self._wrong(name, "not_text", "this has to be a text", default)
        if len(value) > most:
            return self._wrong(
                name, "too_long", f"at most {most:,} characters, not {len(value):,}", default
            )
        return value

    def optional_text(self, name: str, *, most: int) -> str | None:
        """A text, or `None` when it was not sent or is empty."""
        return self.text(name, most=most) or None

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number between the bounds, as a number or as its digits."""
        value = self._get(name)
        if value is None or value == "":
            return default
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._wrong(name, "not_a_number", "this has to be a whole number", default)
        if not least <= value <= most:
            detail = f"this has to be between {least:,} and {most:,}, not {value:,}"
            return self._wrong(name, "out_of_range", detail, default)
        return value

    def choice(self, name: str, options: Sequence[str], *, default: str) -> str:
        """One of the options; an unknown one is answered with the nearest."""
        value = self._get(name)
        if value is None or value == "":
            return default
        if value in options:
            return str(value)
        known = ", ".join(repr(option) for option in options)
        return self._wrong(
            name, "unknown_choice", f"this has to be one of {known}, not {value!r:.40}", default
        )

    def instant(self, name: str) -> str | int | None:
        """RFC 3339, epoch milliseconds or date maths, not yet understood; `None`: not sent."""
        value = self._get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and len(value) <= 64:
            return int(value) if _WHOLE_NUMBER.fullmatch(value) else value
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return self._wrong(
            name, "not_a_time", "not RFC 3339, epoch milliseconds or date maths", None
        )

    def objects(self, name: str, *, most: int) -> list[Mapping[str, Any]]:
        """A list of at most so many JSON objects."""
        value = self._get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            return self._wrong(name, "not_a_list", "this has to be a list of objects", [])
        if len(value) > most:
            return self._wrong(name, "too_many", f"at most {most:,}, not {len(value):,}", [])
        return value

    def was_sent(self, name: str) -> bool:
        """Whether there is a value, also an empty one."""
        self._asked_for.add(name)
        return self._values.get(name) is not None

    def wrong(self, name: str, code: str, detail: str) -> None:
        """Notes a mistake that only the caller can see."""
        self.errors.append(FieldError(self._path + name, code, detail))

    def refuse_others(self) -> None:
        """Notes names that nobody asked for, the first of very many: in JSON a misspelt one would be
        lost silently."""
        others = (name for name in self._values if name not in self._asked_for)
        for name in islice(others, MOST_UNKNOWN):
            near = get_close_matches(name[:_LONGEST_NAME], self._asked_for, n=1)
            meant = f", did you mean {near[0]!r}" if near else ""
            self.wrong(
                name[:_LONGEST_NAME], "unknown_parameter", f"there is no such parameter{meant}"
            )

    def check(self) -> None:
        """Raises `Invalid` with everything that was noted."""
        if self.errors:
            first = self.errors[0]
            raise Invalid(f"{first.field}: {first.detail}", errors=self.errors)

    def _get(self, name: str) -> Any:
        self._asked_for.add(name)
        return self._values.get(name)

    def _wrong(self, name: str, code: str, detail: str, default: Default) -> Default:
        self.wrong(name, code, detail)
        return default
