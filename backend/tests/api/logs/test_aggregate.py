"""Tables of numbers over HTTP, against plain Python over the same records."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest

from app.logstore.types import NS_PER_SECOND, RoutedRecord
from tests.api.logs.conftest import BUDGETED_STORES, Shelf
from tests.conformance.records import NOON_NS, a_record
from tests.conftest import Person

PATH = "/api/v1/logs/aggregate/"
MINUTE_NS = 60 * NS_PER_SECOND


def table(person: Person, **asked: Any) -> dict[str, Any]:
    answer = person.client.post(PATH, asked)
    assert answer.status_code == 200, answer.json()
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def records(alice: Person, shelf: Shelf) -> list[RoutedRecord]:
    """300 requests of three services within a quarter of an hour."""
    random = Random(7)
    made = [
        a_record(
            org_id=alice.org_id,
            at=NOON_NS - random.randrange(1, 15 * MINUTE_NS),
            service=random.choice(["checkout", "checkout", "search", "mail"]),
            level=random.choice(["info", "error"]),
            attributes={"latency_ms": random.randrange(1, 1_000), "user": random.randrange(40)},
        )
        for _ in range(300)
    ]
    shelf.put(*made)
    return made


def latencies(records: list[RoutedRecord]) -> list[int]:
    return [record.attributes["latency_ms"] for record in records]


def test_every_metric_agrees_with_plain_python(alice: Person, records: list[RoutedRecord]) -> None:
    metrics = [
        {"fn": "count"},
        {"fn": "count", "field": "latency_ms", "as": "with latency"},
        *({"fn": fn, "field": "latency_ms"} for fn in ("sum", "avg", "min", "max", "p50", "p99.9")),
        {"fn": "uniq", "field": "user"},
    ]
    answer = table(alice, metrics=metrics)
    assert [column["name"] for column in answer["columns"]] == [
        "count",
        "with latency",
        *(f"{fn}(latency_ms)" for fn in ("sum", "avg", "min", "max", "p50", "p99.9")),
        "uniq(user)",
    ]
    assert {column["type"] for column in answer["columns"]} == {"number"}
    numbers = sorted(latencies(records))
    (row,) = answer["rows"]
    assert row[:2] == [300, 300]
    assert row[2:6] == pytest.approx(
        [sum(numbers), statistics.fmean(numbers), numbers[0], numbers[-1]]
    )
    assert row[6:8] == pytest.approx([numbers[149], numbers[298]], rel=0.02)
    assert row[8] == len({record.attributes["user"] for record in records})
    assert answer["truncated"] is False


def test_groups_by_field_and_time_agree_with_plain_python(
    alice: Person, charlie: Person, records: list[RoutedRecord]
) -> None:
    asked = {
        "q": "level:error",
        "group_by": [{"field": "service", "size": 2}, {"interval": "5m"}],
        "metrics": [{"fn": "count"}, {"fn": "max", "field": "latency_ms", "as": "slowest"}],
    }
    errors = [record for record in records if record.level == "error"]
    counts = Counter(record.service for record in errors)
    expected = []
    for service, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:2]:
        intervals = defaultdict(list)
        for record in errors:
            if record.service == service:
                intervals[record.timestamp_ns // (5 * MINUTE_NS) * 5].append(record)
        for minute, members in sorted(intervals.items()):
            ago = (NOON_NS // MINUTE_NS) - minute
            at = f"2026-11-20T11:{60 - ago}:00Z"
            expected.append([service, at, len(members), max(latencies(members))])
    answer = table(alice, **asked)
    assert answer["columns"] == [
        {"name": "service", "type": "string"},
        {"name": "@timestamp", "type": "time"},
        {"name": "count", "type": "number"},
        {"name": "slowest", "type": "number"},
    ]
    assert answer["rows"] == expected
    assert table(charlie, **asked)["rows"] == []


def test_too_many_rows_are_cut_and_said_so(alice: Person, records: list[RoutedRecord]) -> None:
    answer = table(alice, group_by=[{"field": "user", "size": 40}], limit=3)
    assert (len(answer["rows"]), answer["truncated"]) == (3, True)
    counts = Counter(record.attributes["user"] for record in records)
    assert [row[1] for row in answer["rows"]] == [count for _, count in counts.most_common(3)]


def test_over_no_records_a_sum_is_0_and_the_rest_null(alice: Person, shelf: Shelf) -> None:
    metrics = [{"fn": fn, "field": "x"} for fn in ("count", "sum", "avg", "min", "max", "p95")]
    assert table(alice, metrics=metrics)["rows"] == [[0, 0, None, None, None, None]]


@pytest.mark.parametrize(
    ("asked", "name", "code"),
    [
        ({"group_by": [{"field": "message"}]}, "group_by[0].field", "not_groupable"),
        ({"metrics": [{"fn": "median", "field": "x"}]}, "metrics[0].fn", "unknown_function"),
        ({"metrics": [{"fn": "sum"}]}, "metrics[0].field", "required"),
        ({"limit": 10_001}, "limit", "out_of_range"),
        ({"group": []}, "group", "unknown_parameter"),
        ({"group_by": {"field": "x"}}, "group_by", "not_a_list"),
        ({"from": {}}, "from", "not_a_time"),
        ({"q": 5}, "q", "not_text"),
        ({"q": "a AND"}, "q", None),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(
    alice: Person, memory_shelf: Shelf, asked: dict[str, Any], name: str, code: str | None
) -> None:
    answer = alice.client.post(PATH, asked)
    assert answer.status_code == 400, answer.json()
    error = answer.json()["errors"][0]
    assert error["field"] == name
    assert code in (error["code"], None)


def test_too_many_intervals_are_refused(alice: Person, memory_shelf: Shelf) -> None:
    answer = alice.client.post(PATH, {"from": "now-1d", "group_by": [{"interval": "1s"}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_intervals")
    assert "10,000" in answer.json()["detail"]


def test_bob_may_and_an_ingest_key_may_not(
    alice: Person, bob: Person, shelf: Shelf, acme_ingest_key: str
) -> None:
    shelf.put_record(alice.scope)
    assert table(bob)["rows"] == [[1]]
    answer = alice.client.post(PATH, {}, headers={"Authorization": f"ApiKey {acme_ingest_key}"})
    assert answer.status_code == 403


@pytest.mark.parametrize("shelf", BUDGETED_STORES, indirect=True)
def test_a_field_beyond_the_budget_is_refused_by_its_name(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, attributes={f"k{index:03}": 1 for index in range(300)})
    listed = alice.client.get("/api/v1/logs/fields/").json()["fields"]
    ours = [field for field in listed if field["name"].startswith("k")]
    beyond = [field["name"] for field in ours if not field["indexed"]]
    assert len(beyond) == 100
    asked = {"metrics": [{"fn": "sum", "field": beyond[0]}]}
    answer = alice.client.post(PATH, asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")
    assert beyond[0] in answer.json()["detail"]
    histogram = alice.client.get("/api/v1/logs/histogram/", {"by": beyond[0]})
    assert histogram.status_code == 422
    assert alice.client.get("/api/v1/logs/search/", {"q": f"{beyond[0]}:1"}).json()["hits"]
