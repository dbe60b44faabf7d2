"""Counts over time."""

from __future__ import annotations

from app.logs.histogram import Bucket, bucket_plans, buckets_of, value_label
from app.logs.questions import Question
from app.logstore.types import NS_PER_SECOND, GroupByField, GroupByTime, Table, TimeRange
from app.query.fields import LEVEL
from app.query.filters import Everything

MINUTE_NS = 60 * NS_PER_SECOND
RANGE = TimeRange(90 * NS_PER_SECOND, 4 * MINUTE_NS)


def test_empty_buckets_stand_between_the_full_ones() -> None:
    table = Table(rows=((MINUTE_NS, 2), (3 * MINUTE_NS, 1)))
    assert buckets_of(RANGE, MINUTE_NS, [table]) == (
        Bucket(MINUTE_NS, 2, None),
        Bucket(2 * MINUTE_NS, 0, None),
        Bucket(3 * MINUTE_NS, 1, None),
    )


def test_a_split_has_a_place_in_every_bucket() -> None:
    counts = Table(rows=((MINUTE_NS, 3),))
    split = Table(rows=(("error", MINUTE_NS, 2), ("info", MINUTE_NS, 1)))
    assert buckets_of(RANGE, MINUTE_NS, [counts, split])[:2] == (
        Bucket(MINUTE_NS, 3, {"error": 2, "info": 1}),
        Bucket(2 * MINUTE_NS, 0, {}),
    )


def test_values_of_two_types_with_one_text_are_counted_together() -> None:
    counts = Table(rows=((MINUTE_NS, 3),))
    split = Table(rows=((500, MINUTE_NS, 2), ("500", MINUTE_NS, 1), (True, MINUTE_NS, 1)))
    assert buckets_of(RANGE, MINUTE_NS, [counts, split])[0].by == {"500": 3, "true": 1}


def test_a_split_is_asked_for_by_the_values_of_the_whole_range() -> None:
    question = Question(Everything(), RANGE, None, 1_000)
    plans = bucket_plans(question, interval_ns=MINUTE_NS, by=LEVEL)
    assert [plan.groups for plan in plans] == [
        (GroupByTime(MINUTE_NS),),
        (GroupByField(LEVEL, 10), GroupByTime(MINUTE_NS)),
    ]
    assert all(plan.max_rows >= 30 for plan in plans)


def test_a_label_of_a_text_is_the_text() -> None:
    assert [value_label(value) for value in ("true", True, 1.5, 7)] == ["true", "true", "1.5", "7"]
