"""Any spelling of an instant to nanoseconds since 1970.

Numbers are seconds, milliseconds, microseconds or nanoseconds by their size; text without a zone is
UTC; more than nine fraction digits are cut. `None` is everything else, and every instant before
1970-01-01 or after 2262-04-11T23:47:16.854775807Z.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.logstore.types import NS_PER_DAY, NS_PER_SECOND

LATEST_NS = 2**63 - 1

# Up to which size a number is in this unit: (bound, nanoseconds of one, digits of a fraction).
_UNITS = ((10**11, 10**9, 9), (10**14, 10**6, 6), (10**17, 10**3, 3))

_MAX_TEXT = 64
_MAX_KNOWN = 4_096
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = dict(
    zip(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        range(1, 13),
        strict=True,
    )
)
_DAY_NAME = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_ZONE = (
    r"(?:\s*(?:z|utc|gmt|(?:utc|gmt)?(?P<zone>[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)))?"
    r"(?:\s+(?:utc|gmt|z|\([\w ]+\)))?"
)
_MONTH_NAME = r"(?P<month_name>[a-z]{3})[a-z]*"
_SPELLINGS = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        # 2023-07-21T12:34:56.123Z, 2023/07/21 12:34:56,123 +0200, 2023-07-21
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)(?:(?:[t_]|\s+){_CLOCK}{_ZONE})?",
        # 20230721T123456Z, 20230721123456.5, 20230721
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
        rf"(?:[t ]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?{_ZONE})?",
        # Fri, 21 Jul 2023 12:34:56 GMT; 21-Jul-2023 12:34; 21/Jul/2023:12:34:56 +0200
        rf"{_DAY_NAME}(?P<day>\d\d?)[-/ ]{_MONTH_NAME}[-/ ](?P<year>\d{{4}})(?::|\s+){_CLOCK}{_ZONE}",
        # Fri Jul 21 12:34:56 2023; Fri Jul 21 12:34:56 UTC 2023
        rf"{_DAY_NAME}{_MONTH_NAME}\s+(?P<day>\d\d?)\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
        # Jul 21 12:34:56; Jul 21 2023 12:34:56
        rf"{_DAY_NAME}{_MONTH_NAME}\s+(?P<day>\d\d?)(?:,?\s+(?P<year>\d{{4}}))?,?\s+{_CLOCK}{_ZONE}",
    )
)
_ZONE_AT_END = re.compile(r"[+-](?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)

# Seconds of "2023-07-21T12:34:56": records that arrive together share them.
_known_seconds: dict[str, int] = {}


def instant_of(value: Any, received_ns: int) -> int | None:
    """Nanoseconds since 1970 of what a sender gave as time, or `None`.

    `received_ns` tells the year of spellings without one.
    """
    kind = type(value)
    if kind is str:
        return _of_text(value, received_ns)
    if kind is int:
        return _of_number(value, "")
    if kind is float:
        return _of_digits(repr(value))
    return None


def instants_of(values: Sequence[Any], received_ns: int) -> list[int | None]:
    """`instant_of` of many values; of those that are written alike in a fraction of the time."""
    if set(map(type, values)) == {str}:
        found = _of_one_spelling(values)
        if found is not None:
            return found
    return [instant_of(value, received_ns) for value in values]


def _of_one_spelling(texts: Sequence[str]) -> list[int | None] | None:
    """Instants written like "2023-07-21T12:34:56.123Z", all to the same fraction of a second;
    `None` when there is any other."""
    width = len(texts[0])
    digits = width - 21
    if not 1 <= digits <= 9 or set(map(len, texts)) != {width}:
        return None
    if {text[19 :: width - 20] for text in texts} != {".Z"}:
        return None
    fractions = [text[20:-1] for text in texts]
    together = "".join(fractions)
    if not together.isdigit() or not together.isascii():
        return None
    heads = [text[:19] for text in texts]
    seconds = {head: _known_seconds.get(head) or _seconds_of(head) for head in set(heads)}
    if None in seconds.values():
        return None
    unit = 10 ** (9 - digits)
    whole = {head: (second or 0) * NS_PER_SECOND for head, second in seconds.items()}
    return [
        whole[head] + int(fraction) * unit for head, fraction in zip(heads, fractions, strict=True)
    ]


def _of_text(text: str, received_ns: int) -> int | None:
    head, tail = text[:19], text[19:]
    seconds = _known_seconds.get(head)
    if seconds is None:
        seconds = _seconds_of(head)
    if seconds is not None:
        if tail[-1:] != "Z":
            seconds, tail = _in_utc(seconds, tail)
        if tail == "Z":
            return _in_range(seconds * NS_PER_SECOND)
        digits = tail[1:-1]
        if tail[-1:] == "Z" and tail[0] in ".," and digits.isdigit() and digits.isascii():
            return _in_range(seconds * NS_PER_SECOND + int(digits[:9].ljust(9, "0")))
    return _of_any_spelling(text, received_ns)


def _seconds_of(head: str) -> int | None:
    """Seconds of "2023-07-21T12:34:56", known from now on; `None` for other spellings."""
    if len(head) != 19 or not head[4] == head[7] == "-" or not head[13] == head[16] == ":":
        return None
    if head[10] not in "Tt ":
        return None
    try:
        seconds = (datetime.fromisoformat(f"{head}+00:00") - _EPOCH) // _SECOND
    except ValueError:
        return None
    # The last second before the end of time is left to the slower way.
    if not 0 <= seconds < LATEST_NS // NS_PER_SECOND:
        return None
    if len(_known_seconds) >= _MAX_KNOWN:
        _known_seconds.clear()
    _known_seconds[head] = seconds
    return seconds


def _in_utc(seconds: int, tail: str) -> tuple[int, str]:
    """The same instant with "Z" at the end of the tail, which ends like "+02:00" or in no zone;
    unchanged otherwise."""
    zone = tail[-6:]
    if _ZONE_AT_END.fullmatch(zone) is not None:
        return seconds - _offset(zone), tail[:-6] + "Z"
    is_fraction = tail[1:].isdigit() and tail[0] in ".,"
    return seconds, tail + "Z" if is_fraction or not tail else tail


def _of_any_spelling(text: str, received_ns: int) -> int | None:
    if len(text) > _MAX_TEXT:
        return None
    text = text.strip()
    # Eight digits are a day of the calendar, not one of the first hundred days of 1970.
    instant = _of_digits(text) if len(text) != 8 else None
    if instant is not None:
        return instant
    for spelling in _SPELLINGS:
        match = spelling.fullmatch(text)
        if match is not None:
            return _of_parts(match.groupdict(), received_ns)
    return _of_digits(text)


def _of_digits(text: str) -> int | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return _of_exponent(text)
    whole, fraction = match.groups(default="")
    return _of_number(int(whole), fraction) if len(whole) <= 19 else None


def _of_exponent(text: str) -> int | None:
    # The way that floats of 10¹⁶ and more are written: 1.69e+18.
    if "e+" not in text:
        return None
    try:
        return _of_number(int(float(text)), "")
    except (ValueError, OverflowError):
        return None


def _of_number(number: int, fraction: str) -> int | None:
    if number < 0:
        return None
    for bound, nanoseconds, digits in _UNITS:
        if number < bound:
            part = int(fraction[:digits].ljust(digits, "0")) if fraction else 0
            return _in_range(number * nanoseconds + part)
    return _in_range(number)


def _of_parts(parts: dict[str, str | None], received_ns: int) -> int | None:
    month = _MONTHS.get((parts.get("month_name") or "").lower(), 0) or int(parts.get("month") or 0)
    fraction = parts["fraction"] or ""
    second = int(parts["second"] or 0)
    # A leap second is the moment at which the next minute begins.
    is_leap = second == 60

    def instant(year: int) -> int | None:
        try:
            moment = datetime(
                year,
                month,
                int(parts["day"] or 0),
                int(parts["hour"] or 0),
                int(parts["minute"] or 0),
                59 if is_leap else second,
                tzinfo=UTC,
            )
        except ValueError:
            return None
        seconds = (moment - _EPOCH) // _SECOND + is_leap - _offset(parts["zone"])
        return seconds * NS_PER_SECOND + int(fraction[:9].ljust(9, "0") or 0)

    year = parts["year"]
    return _in_range(instant(int(year)) if year else _nearest_year(instant, received_ns))


def _nearest_year(instant: Callable[[int], int | None], received_ns: int) -> int | None:
    """The latest year that does not put a time without one more than a day into the future."""
    year = datetime.fromtimestamp(received_ns // NS_PER_SECOND, UTC).year
    for candidate in range(year + 1, year - 5, -1):
        found = instant(candidate)
        if found is not None and found <= received_ns + NS_PER_DAY:
            return found
    return None


def _offset(zone: str | None) -> int:
    if zone is None:
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3_600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _in_range(instant_ns: int | None) -> int | None:
    return instant_ns if instant_ns is not None and 0 <= instant_ns <= LATEST_NS else None
