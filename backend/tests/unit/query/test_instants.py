"""Points in time as people write them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.query.instants import MAX_NS, parse_instant
from tests.cases.loader import NOW_NS

SECOND = 10**9
DAY = 86_400 * SECOND


def at(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-20T12:00:00Z", NOW_NS),
        ("2026-11-20t12:00:00z", NOW_NS),
        ("2026-11-20 12:00:00", NOW_NS),
        ("2026-11-20T12:00Z", NOW_NS),
        ("2026-11-20", at(2026, 11, 20)),
        ("2026-11-20T12:00:00.5Z", NOW_NS + SECOND // 2),
        ("2026-11-20T12:00:00,5Z", NOW_NS + SECOND // 2),
        ("2026-11-20T12:00:00.123456789Z", NOW_NS + 123_456_789),
        ("2026-11-20T12:00:00.1234567899Z", NOW_NS + 123_456_789),
        ("2026-11-20T14:00:00+02:00", NOW_NS),
        ("2026-11-20T06:30:00-0530", NOW_NS),
        ("2016-12-31T23:59:60Z", at(2017, 1, 1)),
        ("2024-02-29", at(2024, 2, 29)),
        ("1969-12-31", 0),
        ("0001-01-01", 0),
        ("9999-12-31", MAX_NS),
        ("0", 0),
        ("20261120", 20_261_120 * 10**6),
        ("-1", 0),
        ("1795176000000", NOW_NS),
        ("999999999999999999", MAX_NS),
        ("now", NOW_NS),
        ("now-15m", NOW_NS - 900 * SECOND),
        ("now+1h", NOW_NS + 3_600 * SECOND),
        ("now-1H", NOW_NS - 3_600 * SECOND),
        ("now-90s", NOW_NS - 90 * SECOND),
        ("now-2w", NOW_NS - 14 * DAY),
        ("now-1d/d", at(2026, 11, 19)),
        ("now/h", NOW_NS),
        ("now/d+8h", at(2026, 11, 20, 8)),
        ("now/w", at(2026, 11, 16)),
        ("now/M", at(2026, 11, 1)),
        ("now/y", at(2026, 1, 1)),
        ("now-1M", at(2026, 10, 20, 12)),
        ("now-9M", at(2026, 2, 20, 12)),
        ("now-11M/M", at(2025, 12, 1)),
        ("now-1y", at(2025, 11, 20, 12)),
        ("now+2M-1d+1M", at(2027, 2, 19, 12)),
        ("now-100y", 0),
    ],
)
def test_a_time_is_read(text: str, instant: int) -> None:
    assert parse_instant(text, NOW_NS) == instant


def test_the_day_of_a_month_is_kept_or_its_last() -> None:
    end_of_march = at(2024, 3, 31, 5)
    assert parse_instant("now-1M", end_of_march) == at(2024, 2, 29, 5)
    assert parse_instant("now+1M", end_of_march) == at(2024, 4, 30, 5)
    assert parse_instant("now+9M", end_of_march) == at(2024, 12, 31, 5)
    assert parse_instant("now-1y", at(2024, 2, 29)) == at(2023, 2, 28)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "yesterday", "now ", "now-", "now-15", "now-15min", "now-m", "now*2", "NOW"),
        *("2026-13-01", "2026-02-30", "2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z"),
        *("2026-11-20T12:00:61Z", "2026-11-20T12:00:00+24:00", "2026-11-20T12:00:00+00:60"),
        *(
            "2026-11-20T12:00:00.Z",
            "2026-11",
            "0000-01-01",
            "1.5",
            "1e3",
            "\u0661",
            "9" * 19,
        ),
        *("now-1234567d", "now-5000y", "now-999999y", "2026-11-20Z"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_instant(text, NOW_NS)
    assert caught.value.code == "invalid_time"


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=106_000)))
def test_what_python_prints_is_read(since: timedelta) -> None:
    exact = datetime(1970, 1, 1, tzinfo=UTC) + since
    nanoseconds = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000
    assert parse_instant(exact.isoformat(), 0) == nanoseconds


@given(st.text(st.sampled_from("now+-/smhdwMy0159TZ:. "), max_size=30), st.integers(0, MAX_NS))
def test_nothing_but_a_refusal_comes_of_any_text(text: str, now_ns: int) -> None:
    with contextlib.suppress(Invalid):
        assert 0 <= parse_instant(text, now_ns) <= MAX_NS
