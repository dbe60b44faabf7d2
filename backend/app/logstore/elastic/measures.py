"""Metrics of one group: what is asked in the first round and the second, and the cells."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from app.logstore.elastic.columns import columns_of, number_of, numbers_of, plain
from app.logstore.elastic.compile import exists
from app.logstore.elastic.groups import Line, Node
from app.logstore.types import Cell, Function, Metric
from app.query.fields import Field

Answer = dict[str, Any]

OVER_NUMBERS = frozenset(
    {Function.SUM, Function.AVG, Function.MIN, Function.MAX, Function.PERCENTILE}
)
# Buckets that the second round may have over all rows.
_MAX_BUCKETS = 50_000
# So many distinct values of a row are counted one by one.
_COUNTED = 3_500
_PRECISION = 40_000
_PRECISION_OF_MANY = 3_000
# Of thousands of ranges only the counts are told: their borders are those that were asked for.
COUNTS_ALONE = ",".join(f"-**.p*.buckets.{name}" for name in ("key", "from", "to"))
# The borders of percentiles: off by 0.75 % at most.
_STEP = 1.015
# Below this share of the greatest number everything counts as zero there.
_NEGLIGIBLE = 1e-12


def first_round(metrics: Sequence[Metric], *, is_grouped: bool) -> Answer:
    """What is asked for every group, by the place of the metric."""
    asked: Answer = {}
    for place, metric in enumerate(metrics):
        if metric.field is None:
            continue
        if metric.function is Function.COUNT:
            asked[f"m{place}"] = {"filter": exists(metric.field)}
        elif metric.function is Function.UNIQ:
            precision = _PRECISION_OF_MANY if is_grouped else _PRECISION
            for letter, column in columns_of(metric.field).items():
                asked[f"m{place}{letter}"] = {
                    "cardinality": {"field": column, "precision_threshold": precision}
                }
        elif (numbers := numbers_of(metric.field)) is not None:
            asked[f"m{place}"] = {"stats": {"field": numbers}}
    return asked


def second_round(metrics: Sequence[Metric], rows: Sequence[Line]) -> Answer:
    """What can only be asked once the first answers are there."""
    asked: Answer = {}
    for place, metric in enumerate(metrics):
        if metric.field is None or not rows:
            continue
        if metric.function is Function.UNIQ and _is_countable(place, metric.field, rows):
            for letter, column in columns_of(metric.field).items():
                asked[f"u{place}{letter}"] = {"terms": {"field": column, "size": _COUNTED}}
        elif metric.function is Function.PERCENTILE:
            numbers = numbers_of(metric.field)
            points = _points(place, rows)
            if numbers is None or points is None:
                continue
            if len(points) * len(rows) <= _MAX_BUCKETS:
                asked[f"p{place}"] = {"range": {"field": numbers, "ranges": _ranges(points)}}
            else:
                asked[f"p{place}"] = {
                    "percentiles": {
                        "field": numbers,
                        "percents": [metric.percent],
                        "keyed": False,
                        "tdigest": {"compression": 1_000},
                    }
                }
    return asked


def cell(place: int, metric: Metric, first: Node, second: Node | None, asked: Answer) -> Cell:
    """The metric of a row, from the answers of both rounds; `asked` is the second round."""
    if metric.field is None:
        return first.count
    match metric.function:
        case Function.COUNT:
            return int(first.answers[f"m{place}"]["doc_count"])
        case Function.UNIQ:
            return _distinct(place, metric.field, first, second)
        case Function.PERCENTILE:
            return _percentile(place, metric, first, second, asked)
        case Function.SUM | Function.AVG | Function.MIN | Function.MAX:
            return _of_stats(metric.function, _stats(place, first))


def _stats(place: int, node: Node) -> Answer:
    found: Answer = node.answers.get(f"m{place}", {"count": 0})
    return found


def _of_stats(function: Function, stats: Answer) -> Cell:
    if not stats["count"]:
        return 0 if function is Function.SUM else None
    number = number_of(stats[function.value])
    return None if number is None else plain(number)


def _estimate(place: int, field: Field, node: Node) -> int:
    return sum(node.answers[f"m{place}{letter}"]["value"] for letter in columns_of(field))


def _is_countable(place: int, field: Field, rows: Sequence[Line]) -> bool:
    estimates = [_estimate(place, field, row.node) for row in rows]
    return max(estimates) <= 0.95 * _COUNTED and sum(estimates) <= _MAX_BUCKETS


def _distinct(place: int, field: Field, first: Node, second: Node | None) -> int:
    letters = columns_of(field)
    names = [f"u{place}{letter}" for letter in letters]
    if second is None or not all(name in second.answers for name in names):
        return _estimate(place, field, first)
    return sum(len(second.answers[name]["buckets"]) for name in names)


def _points(place: int, rows: Sequence[Line]) -> list[float] | None:
    """The borders between which numbers are counted; none where there are no numbers."""
    known = [stats for row in rows if (stats := _stats(place, row.node))["count"]]
    if not known:
        return None
    least = min(float(stats["min"]) for stats in known)
    greatest = max(float(stats["max"]) for stats in known)
    return borders(least, greatest)


def borders(least: float, greatest: float) -> list[float]:
    """Rising borders such that numbers between two of them differ by less than a hundredth."""
    largest = max(abs(least), abs(greatest))
    smallest = max(largest * _NEGLIGIBLE, 5e-324)
    if least > 0:
        smallest = least
    elif greatest < 0:
        smallest = -greatest
    magnitudes = [smallest]
    while magnitudes[-1] <= largest and magnitudes[-1] < math.inf:
        magnitudes.append(max(magnitudes[-1] * _STEP, math.nextafter(magnitudes[-1], math.inf)))
    magnitudes = [one for one in magnitudes if one < math.inf]
    negative = [-one for one in reversed(magnitudes)] if least < 0 else []
    positive = magnitudes if greatest > 0 else []
    return [*negative, *positive] or [0.0]


def _ranges(points: Sequence[float]) -> list[dict[str, float]]:
    ranges: list[dict[str, float]] = [{"to": points[0]}]
    ranges += [{"from": lower, "to": upper} for lower, upper in pairwise(points)]
    ranges.append({"from": points[-1]})
    return ranges


def _percentile(
    place: int, metric: Metric, first: Node, second: Node | None, asked: Answer
) -> Cell:
    stats = _stats(place, first)
    if not stats["count"] or metric.percent is None or second is None:
        return None
    answer = second.answers.get(f"p{place}")
    if answer is None:
        return None
    if "values" in answer:
        value = number_of(answer["values"][0]["value"])
    else:
        value = _ranked(answer["buckets"], asked[f"p{place}"]["range"]["ranges"], metric.percent)
    if value is None:
        return None
    return plain(min(max(value, float(stats["min"])), float(stats["max"])))


def _ranked(
    buckets: Sequence[Answer], ranges: Sequence[dict[str, float]], percent: float
) -> float | None:
    """The value at index ⌊percent / 100 · (n - 1)⌋ of the numbers, ascending."""
    reached = list(accumulate([bucket["doc_count"] for bucket in buckets]))
    place = math.floor(percent / 100 * (reached[-1] - 1))
    found = bisect_right(reached, place)
    if found == len(buckets):
        return None
    return _representative(ranges[found].get("from"), ranges[found].get("to"))


def _representative(lower: float | None, upper: float | None) -> float:
    """The number that stands for all between two borders."""
    if lower is None or upper is None:
        return upper if lower is None and upper is not None else lower or 0.0
    if lower < 0 < upper:
        return 0.0
    return math.copysign(math.sqrt(abs(lower)) * math.sqrt(abs(upper)), lower + upper)
