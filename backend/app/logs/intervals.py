"""Widths of time: durations as clients write them, and the nice ones that histograms use."""

from __future__ import annotations

import re

from app.core.errors import Invalid
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, TimeRange

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhdw])")

NICE_SECONDS: tuple[int, ...] = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    86_400,
)


def duration_ns(text: str) -> int:
    """Nanoseconds of `90s`, `5m`, `24h`, `7d`, `2w`; `Invalid` for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Invalid(f"{text!r} is not a duration such as '90s', '5m', '24h' or '7d'")
    return int(found[1]) * _UNIT_SECONDS[found[2]] * NS_PER_SECOND


def duration_text(interval_ns: int) -> str:
    """The shortest spelling of a duration of whole seconds: `90s`, `5m`, `1d`."""
    seconds = interval_ns // NS_PER_SECOND
    for unit in ("d", "h", "m"):
        if seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def bucket_count(range_: TimeRange, interval_ns: int) -> int:
    """How many intervals aligned to 1970-01-01 the range touches."""
    return (range_.to_ns - 1) // interval_ns - range_.from_ns // interval_ns + 1


def nice_interval_ns(range_: TimeRange, *, buckets: int) -> int:
    """The smallest nice width that covers the range with at most so many buckets.

    Beyond a day the days double, so that there is an answer for every range: a day may be too
    narrow for a decade, and two buckets too many for an hour around midnight.
    """
    for seconds in NICE_SECONDS:
        if bucket_count(range_, seconds * NS_PER_SECOND) <= buckets:
            return seconds * NS_PER_SECOND
    days = 2
    while bucket_count(range_, days * NS_PER_DAY) > buckets:
        days *= 2
    return days * NS_PER_DAY


def bucket_starts(range_: TimeRange, interval_ns: int) -> range:
    """Where each of the range's buckets begins; the first may lie before the range."""
    first = range_.from_ns // interval_ns * interval_ns
    return range(first, range_.to_ns, interval_ns)
