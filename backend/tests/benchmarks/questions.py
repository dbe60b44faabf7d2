"""The eleven questions, each with the answer that the generator knows."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from app.cli.demo import catalogue
from app.cli.demo.generator import DemoRecord, Feed, record_at, timestamp_text, trace_id_of
from app.cli.demo.truth import Predicate, Truth

POINT_MS = 10.0
OTHER_MS = 40.0
TIMES = 50
SERVICE, LEVEL = "checkout", "error"
SLOW = (400.0, 500.0)
# What a percentile may be off by (see `Metric`).
PERCENTILE_ERROR = 0.01

PREDICATES: dict[str, Predicate] = {
    "phrase": lambda record: catalogue.PHRASE in record.message,
    "rare": lambda record: catalogue.RARE_WORD in record.message,
    "range": lambda record: SLOW[0] <= record.latency_ms < SLOW[1],
    "prefix": lambda record: record.path.startswith("/api/v1/check"),
    "infix": lambda record: "checkout" in record.path,
}

Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """One request, its mark, and what is wrong with an answer (`None`: nothing)."""

    name: str
    mark_ms: float
    method: str
    path: str
    body: Any
    wrong: Check


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the answers took, and what was wrong with the last."""

    name: str
    mark_ms: float
    median_ms: float
    p99_ms: float
    wrong: str | None


class Asker:
    """One kept connection with an API key."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=60
        )
        self._headers = {"Authorization": f"ApiKey {key}", "Content-Type": "application/json"}

    def ask(self, question: Question) -> Any:
        body = None if question.body is None else json.dumps(question.body)
        self._connection.request(question.method, question.path, body, self._headers)
        response = self._connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise RuntimeError(f"{question.name}: {response.status} {told[:500]!r}")
        return told

    def time(self, question: Question, times: int = TIMES) -> Timing:
        """Asks so often that a median and a 99th percentile mean something."""
        answer = self.ask(question)
        took = []
        for _ in range(times):
            before = time.perf_counter()
            answer = self.ask(question)
            took.append((time.perf_counter() - before) * 1000)
        took.sort()
        return Timing(
            question.name,
            question.mark_ms,
            statistics.median(took),
            took[min(round(0.99 * len(took)), len(took) - 1)],
            question.wrong(json.loads(answer)),
        )


def questions_of(feed: Feed, truth: Truth) -> list[Question]:
    """The questions over the first records of the feed."""
    start = timestamp_text(feed.start_ns)
    end = timestamp_text(feed.start_ns + truth.records * feed.step_ns)
    window = {"from": start, "to": end}
    latest = _latest(feed, truth.records)
    trace = trace_id_of(feed.seed, truth.records // 2)

    def search(name: str, q: str, total: int, mark: float = POINT_MS) -> Question:
        return Question(name, mark, "GET", _search(q, window), None, _total_is(total))

    def table(name: str, groups: list[Any], metric: Any, wrong: Check) -> Question:
        body = {"q": "", **window, "group_by": groups, "metrics": [metric]}
        return Question(name, OTHER_MS, "POST", "/api/v1/logs/aggregate/", body, wrong)

    count = {"fn": "count", "as": "n"}
    return [
        Question(
            "latest 50 of a service and level",
            POINT_MS,
            "GET",
            _search(f"service:{SERVICE} level:{LEVEL}", window),
            None,
            _latest_are(latest, truth.by_service_level[SERVICE, LEVEL]),
        ),
        search("phrase", f'"{catalogue.PHRASE}"', truth.matches["phrase"]),
        search("rare word", catalogue.RARE_WORD, truth.matches["rare"]),
        search(
            "numeric range",
            f"latency_ms:[{SLOW[0]:g} TO {SLOW[1]:g}}}",
            truth.matches["range"],
        ),
        Question(
            "hourly histogram by level",
            OTHER_MS,
            "GET",
            f"/api/v1/logs/histogram/?from={quote(start)}&to={quote(end)}&buckets=8&by=level",
            None,
            _hours_are(truth),
        ),
        table(
            "top 10 of a path",
            [{"field": "path", "size": 10}],
            count,
            lambda told: _differ([(row[0], row[1]) for row in told["rows"]], truth.top_paths(10)),
        ),
        table(
            "p95 by service",
            [{"field": "service", "size": 20}],
            {"fn": "p95", "field": "latency_ms", "as": "p95"},
            lambda told: _percentiles_differ(told["rows"], truth),
        ),
        table(
            "distinct users",
            [],
            {"fn": "uniq", "field": "user.id", "as": "users"},
            lambda told: _near(told["rows"][0][0], len(truth.users), 0.02),
        ),
        search("exact trace id", f"trace_id:{trace}", catalogue.TRACE_RECORDS),
        search("prefix", "path:/api/v1/check*", truth.matches["prefix"]),
        search("infix", "path:*checkout*", truth.matches["infix"], OTHER_MS),
    ]


def _search(q: str, window: dict[str, str]) -> str:
    times = "&".join(f"{name}={quote(value)}" for name, value in window.items())
    return f"/api/v1/logs/search/?q={quote(q, safe='')}&{times}&page_size=50"


def _latest(feed: Feed, count: int) -> list[DemoRecord]:
    found: list[DemoRecord] = []
    for index in range(count - 1, -1, -1):
        record = record_at(feed, index)
        if (record.service, record.level) == (SERVICE, LEVEL):
            found.append(record)
            if len(found) == 50:
                break
    return found


def _latest_are(latest: list[DemoRecord], total: int) -> Check:
    spans = [record.span_id for record in latest]

    def wrong(told: Any) -> str | None:
        hits = [hit["span_id"] for hit in told["hits"]]
        return _differ(hits, spans) or _total_is(total)(told)

    return wrong


def _total_is(total: int) -> Check:
    return lambda told: _differ(told["total"], {"value": total, "relation": "eq"})


def _hours_are(truth: Truth) -> Check:
    expected = {
        (timestamp_text(hour)[:19], level): count
        for (hour, level), count in truth.by_hour_level.items()
    }

    def wrong(told: Any) -> str | None:
        got = {
            (bucket["at"][:19], level): count
            for bucket in told["buckets"]
            for level, count in bucket["by"].items()
            if count
        }
        return _differ(got, expected)

    return wrong


def _percentiles_differ(rows: list[Any], truth: Truth) -> str | None:
    for service, value in rows:
        low, high = truth.percentile(service, 95)
        if not low * (1 - PERCENTILE_ERROR) <= value <= high * (1 + PERCENTILE_ERROR):
            return f"{service}: {value} is not within 1% of {low} to {high}"
    return _differ(len(rows), len(truth.latencies))


def _near(got: float, expected: float, share: float) -> str | None:
    if abs(got - expected) <= share * expected:
        return None
    return f"{got} is not within {share:.0%} of {expected}"


def _differ(got: Any, expected: Any) -> str | None:
    return None if got == expected else f"{str(got)[:200]} instead of {str(expected)[:200]}"
