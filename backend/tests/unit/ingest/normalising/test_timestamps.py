"""Every usual spelling of an instant is understood, to the nanosecond; all others are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.normalising.timestamps import LATEST_NS, instant_of

RECEIVED_NS = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp()) * 10**9
# 2023-07-21T12:34:56Z
SECONDS = 1_689_942_896


@pytest.mark.parametrize(
    ("sent", "nanoseconds"),
    [
        ("2023-07-21T12:34:56Z", 0),
        ("2023-07-21T12:34:56", 0),
        ("2023-07-21t12:34:56z", 0),
        (" 2023-07-21 12:34:56 ", 0),
        ("2023-07-21_12:34:56", 0),
        ("2023-07-21T12:34:56.5Z", 500_000_000),
        ("2023-07-21T12:34:56.123456789Z", 123_456_789),
        ("2023-07-21T12:34:56.1234567899999Z", 123_456_789),
        ("2023-07-21T12:34:56.000000001", 1),
        ("2023-07-21 12:34:56,123", 123_000_000),
        ("2023-07-21T14:34:56+02:00", 0),
        ("2023-07-21T14:34:56.25+02:00", 250_000_000),
        ("2023-07-21T09:04:56.5-0330", 500_000_000),
        ("2023-07-21T14:34:56+02", 0),
        ("2023-07-21 12:34:56.123 +0000 UTC", 123_000_000),
        ("2023-07-21 14:34:56 +0200", 0),
        ("2023-07-21 12:34:56 UTC", 0),
        ("2023/07/21 12:34:56", 0),
        ("20230721T123456Z", 0),
        ("20230721123456", 0),
        ("20230721 123456.5", 500_000_000),
        ("Fri, 21 Jul 2023 12:34:56 GMT", 0),
        ("21 Jul 2023 14:34:56 +0200", 0),
        ("21/Jul/2023:14:34:56 +0200", 0),
        ("Fri Jul 21 12:34:56 2023", 0),
        ("Fri Jul 21 12:34:56 UTC 2023", 0),
        ("Jul 21 2023 12:34:56", 0),
        ("Jul 21, 2023 12:34:56", 0),
        ("Fri Jul 21 2023 14:34:56 GMT+0200 (Central European Summer Time)", 0),
        ("1689942896", 0),
        ("1689942896.5", 500_000_000),
        ("1689942896123", 123_000_000),
        ("1689942896123456", 123_456_000),
        ("1689942896123456789", 123_456_789),
        (1_689_942_896, 0),
        (1_689_942_896.0, 0),
        (1_689_942_896.123456, 123_456_000),
        (1_689_942_896_123, 123_000_000),
        (1_689_942_896_123.5, 123_500_000),
        (1_689_942_896_123_456, 123_456_000),
        (1_689_942_896_123_456_789, 123_456_789),
    ],
)
def test_a_spelling_of_one_instant(sent: Any, nanoseconds: int) -> None:
    assert instant_of(sent, RECEIVED_NS) == SECONDS * 10**9 + nanoseconds
    assert instant_of(sent, RECEIVED_NS) == SECONDS * 10**9 + nanoseconds


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2023-07-21", datetime(2023, 7, 21, tzinfo=UTC)),
        ("20230721", datetime(2023, 7, 21, tzinfo=UTC)),
        ("2023-07-21 12:34Z", datetime(2023, 7, 21, 12, 34, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (99_999_999, datetime(1973, 3, 3, 9, 46, 39, tzinfo=UTC)),
        (10**11, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (10**14, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (10**17, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        # Without a year: the latest one that is not in the future.
        ("Jul 21 12:34:56", datetime(2025, 7, 21, 12, 34, 56, tzinfo=UTC)),
        ("Jan  2 23:59:59", datetime(2026, 1, 2, 23, 59, 59, tzinfo=UTC)),
        ("Jan  3 00:00:01", datetime(2025, 1, 3, 0, 0, 1, tzinfo=UTC)),
        ("Feb 29 00:00:00", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_other_instants(sent: Any, expected: datetime) -> None:
    assert instant_of(sent, RECEIVED_NS) == int(expected.timestamp()) * 10**9


def test_the_end_of_time_is_the_last_nanosecond_that_fits() -> None:
    assert instant_of("2262-04-11T23:47:16.854775807Z", RECEIVED_NS) == LATEST_NS
    assert instant_of("2262-04-11T23:47:16.854775808Z", RECEIVED_NS) is None
    assert instant_of("2262-04-11T22:47:16.854775807-01:00", RECEIVED_NS) == LATEST_NS
    assert instant_of("2262-04-11T22:47:17-01:00", RECEIVED_NS) is None
    assert instant_of("1970-01-01T01:00:00+01:00", RECEIVED_NS) == 0
    assert instant_of("1970-01-01T00:59:59.9+01:00", RECEIVED_NS) is None
    assert instant_of(LATEST_NS, RECEIVED_NS) == LATEST_NS
    assert instant_of(LATEST_NS + 1, RECEIVED_NS) is None


@pytest.mark.parametrize(
    "sent",
    [
        *("", " ", "yesterday", "12:34:56", "now", "-", "0x12", "1e9", "nan", "\u0663", "-1", "+5"),
        *("2023-02-30T00:00:00Z", "2023-13-01", "2023-07-21T25:00:00Z", "2023-07-21T12:60:00Z"),
        *("2023-07-21T12:34:56.Z", "2023-07-21T12:34:56.\u0661Z", "2023-07-21T12:34:56.5.5Z"),
        *("2023-07-21T12:34:56 CET", "2023-07-21T12:34:56+24:00", "2023-07-21T12:34:56+02:60"),
        *("2023-07-21T12:34:56ZZ", "2023-07-21T12:34:56x", "2023-07-21T12:34:5"),
        *("1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59Z"),
        *("Foo 21 12:34:56", "99999999999999999999", "Z", "." * 60, "2023-07-21" * 100),
        *(-1, -0.5, 10**11 - 1, 2**64, 1e400, float("nan"), 9.3e18, True, False, None, [], {}),
    ],
)
def test_what_is_no_instant(sent: Any) -> None:
    assert instant_of(sent, RECEIVED_NS) is None


@given(
    moment=st.datetimes(
        min_value=datetime.fromisoformat("1970-01-02"),
        max_value=datetime.fromisoformat("2262-04-10"),
    ),
    nanoseconds=st.integers(0, 999),
    minutes=st.integers(-23 * 60, 23 * 60),
)
def test_any_rfc_3339_text_gives_its_instant(
    moment: datetime, nanoseconds: int, minutes: int
) -> None:
    zone = timezone(timedelta(minutes=minutes))
    exact = moment.replace(tzinfo=UTC)
    text = exact.astimezone(zone).isoformat(timespec="microseconds")
    sent = f"{text[:26]}{nanoseconds:03}{text[26:]}"
    expected = (exact - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert instant_of(sent, RECEIVED_NS) == expected + nanoseconds


@given(sent=st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.?\d*Z?"))
def test_no_text_fails(sent: str) -> None:
    instant = instant_of(sent, RECEIVED_NS)
    assert instant is None or 0 <= instant <= LATEST_NS
