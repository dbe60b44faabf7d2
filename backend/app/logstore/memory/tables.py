"""Aggregates, exactly: every record looked at, every value kept."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.logstore.memory.numbers import as_double, is_number, kind_of, plain, text_of
from app.logstore.memory.subject import Subject
from app.logstore.types import (
    AggregatePlan,
    Cell,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    Table,
)
from app.query.filters import Scalar

Row = tuple[Cell, ...]


def table(plan: AggregatePlan, subjects: Sequence[Subject]) -> Table:
    """The plan's table over the records that match it.

    A group by field takes the most frequent values inside the group before it. Without groups there
    is one row, also over no records.
    """
    rows = list(_rows(plan.groups, plan.metrics, subjects))
    return Table(
        rows=tuple(rows[: plan.max_rows]),
        is_truncated=len(rows) > plan.max_rows,
    )


def _rows(
    groups: tuple[Group, ...], metrics: tuple[Metric, ...], subjects: Sequence[Subject]
) -> Iterable[Row]:
    if not groups:
        yield tuple(measure(metric, subjects) for metric in metrics)
        return
    for value, members in _split(groups[0], subjects):
        for rest in _rows(groups[1:], metrics, members):
            yield (value, *rest)


def _split(group: Group, subjects: Sequence[Subject]) -> list[tuple[Cell, list[Subject]]]:
    match group:
        case GroupByTime(interval_ns):
            intervals: dict[int, list[Subject]] = defaultdict(list)
            for subject in subjects:
                at = subject.record.timestamp_ns
                intervals[at - at % interval_ns].append(subject)
            return [(at, intervals[at]) for at in sorted(intervals)]
        case GroupByField(field, size):
            by_value: dict[tuple[str, Scalar], list[Subject]] = defaultdict(list)
            for subject in subjects:
                for key in distinct(subject.values_of(field)):
                    by_value[key].append(subject)
            ranked = sorted(by_value, key=lambda key: rank(key, len(by_value[key])))
            return [(key[1], by_value[key]) for key in ranked[:size]]


def distinct(values: Iterable[Scalar]) -> dict[tuple[str, Scalar], None]:
    """The different values, as (kind, plain value), in the order in which they were met.

    The kind is part of it because `1`, `true` and `"1"` are three values, of which Python takes
    the first two for one.
    """
    return dict.fromkeys((kind_of(value), plain(value)) for value in values)


def rank(key: tuple[str, Scalar], count: int) -> tuple[int, str, str]:
    """Sorts the most frequent value first; of equally frequent ones by text, then by kind."""
    kind, value = key
    return (-count, text_of(value), kind)


def measure(metric: Metric, subjects: Sequence[Subject]) -> Cell:
    """One metric over the records of a group."""
    if metric.field is None:
        return len(subjects)
    field = metric.field
    if metric.function is Function.COUNT:
        return sum(subject.has(field) for subject in subjects)
    values = [value for subject in subjects for value in subject.values_of(field)]
    if metric.function is Function.UNIQ:
        return len(distinct(values))
    return plain_or_none(over_numbers(metric, [as_double(one) for one in values if is_number(one)]))


def over_numbers(metric: Metric, doubles: list[float]) -> float | None:
    """A metric of numbers, as doubles; of none `None`, but a sum of 0."""
    match metric.function:
        case Function.SUM:
            return sum(doubles)
        case Function.AVG if doubles:
            return sum(doubles) / len(doubles)
        case Function.MIN:
            return min(doubles, default=None)
        case Function.MAX:
            return max(doubles, default=None)
        case Function.PERCENTILE if doubles and metric.percent is not None:
            return percentile(sorted(doubles), metric.percent)
        case _:
            return None


def plain_or_none(number: float | None) -> Cell:
    """The number as it stands in a table."""
    return None if number is None else plain(number)


def percentile(doubles: Sequence[float], percent: float) -> float:
    """The value at index ⌊percent / 100 · (n - 1)⌋ of the sorted numbers: one that was sent."""
    return doubles[math.floor(percent / 100 * (len(doubles) - 1))]
