"""Widths of time: durations, nice widths, aligned buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.logs.intervals import (
    NICE_SECONDS,
    bucket_count,
    bucket_starts,
    duration_ns,
    duration_text,
    nice_interval_ns,
)
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, TimeRange

LATEST_NS = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("1w", 604_800)],
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert duration_ns(text) == seconds * NS_PER_SECOND


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0s", "-5m", "5 m", "5M", "1.5h", "٣m", "99999999s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a duration"):
        duration_ns(text)


@pytest.mark.parametrize("seconds", NICE_SECONDS)
def test_the_text_of_a_nice_width_reads_back(seconds: int) -> None:
    assert duration_ns(duration_text(seconds * NS_PER_SECOND)) == seconds * NS_PER_SECOND


@pytest.mark.parametrize(
    ("minutes", "buckets", "width"),
    [
        (15, 60, "15s"),
        (15, 61, "15s"),
        (60, 60, "1m"),
        (60, 61, "1m"),
        (1_440, 60, "30m"),
        (1, 1, "1m"),
    ],
)
def test_the_smallest_nice_width_is_taken(minutes: int, buckets: int, width: str) -> None:
    day = 20_000 * NS_PER_DAY
    range_ = TimeRange(day, day + minutes * 60 * NS_PER_SECOND)
    assert duration_text(nice_interval_ns(range_, buckets=buckets)) == width


def test_a_range_that_begins_inside_a_bucket_needs_one_more() -> None:
    begin = 20_000 * NS_PER_DAY + 7 * NS_PER_SECOND
    range_ = TimeRange(begin, begin + 900 * NS_PER_SECOND)
    assert bucket_count(range_, 15 * NS_PER_SECOND) == 61
    assert duration_text(nice_interval_ns(range_, buckets=60)) == "30s"


@given(
    bounds=st.tuples(st.integers(0, LATEST_NS), st.integers(0, LATEST_NS)).filter(
        lambda pair: pair[0] != pair[1]
    ),
    buckets=st.integers(1, 1_000),
)
def test_every_range_is_covered_by_at_most_the_buckets_asked_for(
    bounds: tuple[int, int], buckets: int
) -> None:
    range_ = TimeRange(min(bounds), max(bounds))
    width = nice_interval_ns(range_, buckets=buckets)
    starts = bucket_starts(range_, width)
    assert len(starts) == bucket_count(range_, width) <= buckets
    assert all(start % width == 0 for start in starts)
    assert starts[0] <= range_.from_ns < starts[0] + width
    assert starts[-1] < range_.to_ns <= starts[-1] + width
