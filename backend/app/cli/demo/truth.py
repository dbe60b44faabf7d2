"""What is true about the first records of a feed, counted in plain Python."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from app.cli.demo.generator import DemoRecord, Feed, record_at

HOUR_NS = 3_600_000_000_000

Predicate = Callable[[DemoRecord], bool]


@dataclass(slots=True)
class Truth:
    """Everything that the benchmark's questions can be checked against."""

    records: int = 0
    by_service_level: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_hour_level: Counter[tuple[int, str]] = field(default_factory=Counter)
    by_path: Counter[str] = field(default_factory=Counter)
    latencies: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    users: set[str] = field(default_factory=set)
    matches: Counter[str] = field(default_factory=Counter)

    def percentile(self, service: str, percent: float) -> tuple[float, float]:
        """The service's latencies between which a percentile lies (see `Metric`)."""
        ordered = sorted(self.latencies[service])
        rank = math.floor(percent / 100 * (len(ordered) - 1))
        return ordered[rank], ordered[min(rank + 1, len(ordered) - 1)]

    def top_paths(self, size: int) -> list[tuple[str, int]]:
        """The most frequent paths, ties by name."""
        return sorted(self.by_path.items(), key=lambda item: (-item[1], item[0]))[:size]


def truth_of(feed: Feed, count: int, predicates: dict[str, Predicate]) -> Truth:
    """Counts the first `count` records; `matches[name]` is how many a predicate is true for."""
    truth = Truth(records=count)
    for index in range(count):
        record = record_at(feed, index)
        truth.by_service_level[record.service, record.level] += 1
        truth.by_hour_level[record.timestamp_ns // HOUR_NS * HOUR_NS, record.level] += 1
        truth.by_path[record.path] += 1
        truth.latencies[record.service].append(record.latency_ms)
        truth.users.add(record.user_id)
        for name, predicate in predicates.items():
            if predicate(record):
                truth.matches[name] += 1
    return truth
