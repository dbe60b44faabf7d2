"""Points in time as people write them, to nanoseconds since 1970.

RFC 3339 with up to nine fraction digits (a missing zone is UTC, a date alone its midnight), whole
numbers as epoch milliseconds, and date maths: `now`, `now-15m`, `now-1d/d`, `now/w+8h`. Results
outside of what a record's time can be are moved to its nearest end.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from app.core.errors import Invalid
from app.query.errors import printable

MIN_NS = 0
MAX_NS = 2**63 - 1

_NS_PER_MS = 1_000_000
_NS_PER_SECOND = 1_000_000_000
_UNIT_NS = {
    "s": _NS_PER_SECOND,
    "m": 60 * _NS_PER_SECOND,
    "h": 3_600 * _NS_PER_SECOND,
    "H": 3_600 * _NS_PER_SECOND,
    "d": 86_400 * _NS_PER_SECOND,
    "w": 7 * 86_400 * _NS_PER_SECOND,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 1970-01-01 was a Thursday; weeks begin on Monday.
_WEEK_OFFSET_NS = 4 * 86_400 * _NS_PER_SECOND

_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_WHOLE_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_MATHS = re.compile(r"now((?:[+-]\d{1,6}[smhHdwMy]|/[smhHdwMy])*)", re.ASCII)
_STEP = re.compile(r"([+-]\d+|/)([smhHdwMy])", re.ASCII)

EXPECTED = ("2026-11-20T10:00:00Z", "epoch milliseconds", "now-15m")


def parse_instant(text: str, now_ns: int) -> int:
    """The nanoseconds since 1970 that a text means; raises `Invalid` with code `invalid_time`."""
    if _WHOLE_NUMBER.fullmatch(text):
        return _within(int(text) * _NS_PER_MS)
    maths = _MATHS.fullmatch(text)
    try:
        if maths:
            return _within(_calculated(maths[1], now_ns))
        written = _RFC_3339.fullmatch(text)
        if written:
            return _within(_of_date(written))
    except (ValueError, OverflowError):
        pass
    raise Invalid(
        f'"{printable(text[:60])}" is not a time such as {EXPECTED[0]}', code="invalid_time"
    )


def _within(instant_ns: int) -> int:
    return min(max(instant_ns, MIN_NS), MAX_NS)


def _of_date(written: re.Match[str]) -> int:
    year, month, day, hour, minute, second = (int(part or 0) for part in written.groups()[:6])
    fraction, _, sign, zone_hour, zone_minute = written.groups()[6:]
    # A leap second is the first moment of the next minute.
    moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if second == 60:
        seconds += 1
    elif second > 60:
        raise ValueError("seconds")
    if sign:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            raise ValueError("zone")
        offset = int(zone_hour) * 3_600 + int(zone_minute) * 60
        seconds += offset if sign == "-" else -offset
    return seconds * _NS_PER_SECOND + int((fraction or "").ljust(9, "0"))


def _calculated(steps: str, now_ns: int) -> int:
    instant = now_ns
    for amount, unit in _STEP.findall(steps):
        if amount == "/":
            instant = _rounded_down(instant, unit)
        elif unit in _UNIT_NS:
            instant += int(amount) * _UNIT_NS[unit]
        else:
            instant = _months_later(instant, int(amount) * (12 if unit == "y" else 1))
    return instant


def _rounded_down(instant: int, unit: str) -> int:
    if unit == "w":
        return instant - (instant - _WEEK_OFFSET_NS) % _UNIT_NS["w"]
    if unit in _UNIT_NS:
        return instant - instant % _UNIT_NS[unit]
    moment = _EPOCH + timedelta(seconds=instant // _NS_PER_SECOND)
    start = moment.replace(day=1, hour=0, minute=0, second=0)
    if unit == "y":
        start = start.replace(month=1)
    return (start - _EPOCH) // timedelta(seconds=1) * _NS_PER_SECOND


def _months_later(instant: int, months: int) -> int:
    """The same day of the month, or its last day where the month is shorter."""
    seconds, rest = divmod(instant, _NS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last_day = (
        datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=UTC) - timedelta(1)
    ).day
    later = moment.replace(year=year, month=month + 1, day=min(moment.day, last_day))
    return (later - _EPOCH) // timedelta(seconds=1) * _NS_PER_SECOND + rest
