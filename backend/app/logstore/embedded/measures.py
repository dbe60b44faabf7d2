"""Metrics of one group, from what tantivy measured in each partition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from app.logstore.embedded.columns import column_of, has_column, plain
from app.logstore.embedded.nodes import Answer
from app.logstore.types import Cell, Function, Metric

# tantivy's own percentiles lose small values beyond this ratio, and are of one partition only.
_SKETCH_RATIO = 1e12
# What is closer to zero counts as zero there.
_SKETCH_ZERO = 1e-9
# Up to this number it keeps all apart that are not closer to zero than a hundred-thousandth.
_SKETCH_GREATEST = 1e12
# The border of buckets of percentiles over several partitions: off by 0.75 % at most.
_STEP = 1.015
# Below this share of the greatest number everything counts as zero there.
_NEGLIGIBLE = 1e-12

OVER_NUMBERS = frozenset(
    {Function.SUM, Function.AVG, Function.MIN, Function.MAX, Function.PERCENTILE}
)


def requests(metrics: Sequence[Metric]) -> Answer:
    """tantivy's requests for metrics over numbers, by the place of the metric."""
    asked: Answer = {}
    for place, metric in enumerate(metrics):
        if metric.field is None or metric.function not in OVER_NUMBERS:
            continue
        if not has_column(metric.field):
            continue
        field = column_of(metric.field)
        asked[f"stats{place}"] = {"stats": {"field": field}}
        if metric.function is Function.PERCENTILE:
            asked[f"percentile{place}"] = {
                "percentiles": {"field": field, "percents": [metric.percent], "keyed": False}
            }
    return asked


class Stats:
    """Count, sum, least and greatest number of a group over its partitions."""

    def __init__(self, answers: Sequence[Answer], place: int) -> None:
        parts = [answer[f"stats{place}"] for answer in answers if f"stats{place}" in answer]
        parts = [part for part in parts if part["count"]]
        self.count: int = sum(part["count"] for part in parts)
        self.sum: float = math.fsum(part["sum"] for part in parts)
        self.least: float | None = min((part["min"] for part in parts), default=None)
        self.greatest: float | None = max((part["max"] for part in parts), default=None)
        self.partitions = len(parts)

    def cell(self, function: Function) -> Cell:
        """The metric, `None` over no numbers (a sum: 0)."""
        if function is Function.SUM:
            return plain(self.sum)
        if not self.count:
            return None
        number = {
            Function.AVG: self.sum / self.count,
            Function.MIN: self.least,
            Function.MAX: self.greatest,
        }[function]
        return None if number is None else plain(number)

    def clamped(self, number: float | None) -> Cell:
        """An estimate, never outside of what there is."""
        if number is None or self.least is None or self.greatest is None:
            return None
        return plain(min(max(number, self.least), self.greatest))

    @property
    def suits_sketch(self) -> bool:
        """Whether tantivy's own percentile is within its promise here."""
        if self.partitions > 1:
            return False
        if self.least is None or self.greatest is None:
            return True
        if self.least > 0:
            return self.least > _SKETCH_ZERO and self.greatest / self.least < _SKETCH_RATIO
        return max(-self.least, self.greatest) < _SKETCH_GREATEST


def sketched(answers: Sequence[Answer], place: int, stats: Stats) -> Cell:
    """The percentile that tantivy computed in the one partition that has numbers."""
    for answer in answers:
        if answer[f"stats{place}"]["count"]:
            return stats.clamped(answer[f"percentile{place}"]["values"][0]["value"])
    return None


def borders(least: float, greatest: float) -> list[float]:
    """Rising borders around all numbers, those between two of them within a hundredth."""
    largest = max(abs(least), abs(greatest))
    smallest = _smallest_magnitude(least, greatest, largest)
    magnitudes = [smallest]
    while magnitudes[-1] <= largest and not math.isinf(magnitudes[-1]):
        magnitudes.append(magnitudes[-1] * _STEP)
    if least > 0:
        return magnitudes
    # The last border belongs to no range: what is greatest must lie below it.
    negative = [-one for one in reversed(magnitudes)]
    return [*negative, *magnitudes]


def _smallest_magnitude(least: float, greatest: float, largest: float) -> float:
    if least > 0:
        return least
    if greatest < 0:
        return -greatest
    return max(largest * _NEGLIGIBLE, 5e-324)


def representative(lower: float, upper: float) -> float:
    """The number that stands for all between two borders."""
    if lower < 0 < upper:
        return 0.0
    return math.copysign(math.sqrt(abs(lower)) * math.sqrt(abs(upper)), lower + upper)


def range_request(field: str, points: Sequence[float]) -> Answer:
    """tantivy's request for how many numbers lie between each two borders."""
    ranges: list[dict[str, float]] = [{"to": points[0]}]
    ranges += [{"from": lower, "to": upper} for lower, upper in pairwise(points)]
    ranges.append({"from": points[-1]})
    return {"range": {"field": field, "ranges": ranges}}


def ranked(counts: Sequence[tuple[float, int]], percent: float) -> float | None:
    """The value at index ⌊percent / 100 · (n - 1)⌋ of values with their numbers, ascending."""
    total = sum(count for _, count in counts)
    place = math.floor(percent / 100 * (total - 1))
    for value, count in counts:
        place -= count
        if place < 0:
            return value
    return None


def bucket_counts(answers: Sequence[Answer], name: str) -> list[tuple[float, int]]:
    """(representative, count) of every range with two borders, over all partitions, ascending."""
    counts: dict[float, int] = {}
    for answer in answers:
        bucket: dict[str, Any]
        for bucket in answer[name]["buckets"]:
            if bucket["doc_count"] and "from" in bucket and "to" in bucket:
                value = representative(bucket["from"], bucket["to"])
                counts[value] = counts.get(value, 0) + bucket["doc_count"]
    return sorted(counts.items())
