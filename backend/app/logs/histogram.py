"""Counts over time: the plans that ask for them, and the buckets, empty ones included."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.logs.intervals import bucket_count, bucket_starts
from app.logs.questions import Question
from app.logstore.schema import json_text
from app.logstore.types import (
    AggregatePlan,
    Cell,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    Table,
    TimeRange,
)
from app.query.fields import Field

MAX_BUCKETS = 1_000
DEFAULT_BUCKETS = 60
# The most frequent values of the whole range are shown; the others count in the bucket only.
SPLIT_SIZE = 10

_COUNT = Metric(Function.COUNT, "count")


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many records lie in [`at_ns`, `at_ns` + width) and in the range; `by` value of a field."""

    at_ns: int
    count: int
    by: dict[str, int] | None


def bucket_plans(
    question: Question, *, interval_ns: int, by: Field | None
) -> tuple[AggregatePlan, ...]:
    """One plan for the counts, and one for their split when there is a field."""
    groups: list[tuple[Group, ...]] = [(GroupByTime(interval_ns),)]
    if by is not None:
        groups.append((GroupByField(by, SPLIT_SIZE), GroupByTime(interval_ns)))
    rows = bucket_count(question.range, interval_ns)
    return tuple(
        AggregatePlan(
            filter=question.filter,
            range=question.range,
            groups=group,
            metrics=(_COUNT,),
            stream=question.stream,
            max_rows=rows * SPLIT_SIZE,
            timeout_ms=question.timeout_ms,
        )
        for group in groups
    )


def buckets_of(range_: TimeRange, interval_ns: int, tables: Sequence[Table]) -> tuple[Bucket, ...]:
    """All buckets of the range from the tables of `bucket_plans`."""
    counts = {row[0]: row[1] for row in tables[0].rows}
    split: dict[Cell, dict[str, int]] | None = None
    if len(tables) > 1:
        split = defaultdict(dict)
        for value, at, count in tables[1].rows:
            by = split[at]
            label = value_label(value)
            by[label] = by.get(label, 0) + _whole(count)
    return tuple(
        Bucket(at, _whole(counts.get(at, 0)), None if split is None else split.get(at, {}))
        for at in bucket_starts(range_, interval_ns)
    )


def value_label(value: Cell) -> str:
    """A value as the key of a JSON object: a text as it is, everything else as its JSON."""
    return value if isinstance(value, str) else json_text(value)


def _whole(count: Cell) -> int:
    return int(count) if isinstance(count, int | float) else 0
