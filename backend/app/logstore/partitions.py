"""Partitions: their periods and names. Which one a record belongs to, `places` says.

architecture.md, "Partition and identity". Names sort by time within a class.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, RETENTION_CLASSES

DAILY_UP_TO_DAYS = 14
WEEKLY_UP_TO_DAYS = 90

# The one pool bucket that every class starts with.
FIRST_POOL = "pool0"

# A sent id is remembered so long across the border of two periods.
SENT_ID_MEMORY_NS = NS_PER_DAY


class Home(NamedTuple):
    """Where a record lives: retention class in days, pool or organisation, period."""

    retention_class: int
    pool: str
    period: str

    @property
    def group(self) -> str:
        """The name that all periods of one class and pool share."""
        return f"{self.retention_class}d-{self.pool}"

    @property
    def name(self) -> str:
        """The partition's name in health, in `skipped` and on disk."""
        return f"{self.group}/{self.period}"


def period_of(retention_class: int, observed_ns: int) -> str:
    """The name of the period that a receive time falls into: a day, an ISO week or a month."""
    return _period_of_day(retention_class, observed_ns // NS_PER_DAY)


@lru_cache(maxsize=1024)
def _period_of_day(retention_class: int, day: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    if retention_class <= DAILY_UP_TO_DAYS:
        return moment.strftime("%Y-%m-%d")
    if retention_class <= WEEKLY_UP_TO_DAYS:
        year, week, _ = moment.isocalendar()
        return f"{year:04d}-w{week:02d}"
    return moment.strftime("%Y-%m")


def period_bounds(period: str) -> tuple[int, int]:
    """[from, to) of a period's receive times in nanoseconds; `ValueError` for another name."""
    if "w" in period:
        iso_year, week = period.split("-w")
        start = datetime.fromisocalendar(int(iso_year), int(week), 1).replace(tzinfo=UTC)
        end = start + timedelta(days=7)
    elif period.count("-") == 1:
        year, month = (int(part) for part in period.split("-"))
        start = datetime(year, month, 1, tzinfo=UTC)
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    else:
        start = datetime.fromisoformat(period).replace(tzinfo=UTC)
        end = start + timedelta(days=1)
    return _nanoseconds(start), _nanoseconds(end)


def _nanoseconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * NS_PER_SECOND


def previous(home: Home) -> Home:
    """The period before, of the same class and pool."""
    start, _ = period_bounds(home.period)
    return home._replace(period=period_of(home.retention_class, start - 1))


def remembers_previous(home: Home, observed_ns: int) -> bool:
    """Whether a sent id of this receive time has to be looked up in the period before as well."""
    start, _ = period_bounds(home.period)
    return observed_ns - start < SENT_ID_MEMORY_NS


def expires_ns(home: Home) -> int:
    """From when on nothing in the partition is within its retention any more."""
    _, end = period_bounds(home.period)
    return end + home.retention_class * NS_PER_DAY


def parse_group(name: str) -> tuple[int, str] | None:
    """(retention class, pool) of a group's name, or `None` for anything else."""
    days, separator, pool = name.partition("d-")
    if not separator or not pool or not days.isdecimal() or int(days) not in RETENTION_CLASSES:
        return None
    return int(days), pool


def is_period(name: str) -> bool:
    """Whether this is the name of a period."""
    try:
        start, _ = period_bounds(name)
    except ValueError:
        return False
    return name in {period_of(days, start) for days in RETENTION_CLASSES}
