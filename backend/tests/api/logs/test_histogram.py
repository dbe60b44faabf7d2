"""Counts over time over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from app.logstore.types import NS_PER_SECOND
from tests.api.logs.conftest import Shelf
from tests.conformance.records import NOON_NS, a_record
from tests.conftest import Person

PATH = "/api/v1/logs/histogram/"
MINUTE_NS = 60 * NS_PER_SECOND


def histogram(person: Person, **asked: Any) -> dict[str, Any]:
    answer = person.client.get(PATH, asked)
    assert answer.status_code == 200, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def test_every_bucket_is_there_and_holds_its_share(
    alice: Person, charlie: Person, shelf: Shelf
) -> None:
    seconds_ago = [1, 14, 15, 16, 899, 900, 901, 450, 450]
    shelf.put(
        *(
            a_record(
                org_id=alice.org_id,
                at=NOON_NS - ago * NS_PER_SECOND,
                level="error" if ago % 2 else "info",
            )
            for ago in seconds_ago
        )
    )
    answer = histogram(alice, by="level")
    assert answer["interval"] == "15s"
    assert [bucket["at"] for bucket in answer["buckets"]][:2] == [
        "2026-11-20T11:45:00Z",
        "2026-11-20T11:45:15Z",
    ]
    assert len(answer["buckets"]) == 60
    for index, bucket in enumerate(answer["buckets"]):
        inside = [ago for ago in seconds_ago if 0 < ago <= 900 and 59 - (ago - 1) // 15 == index]
        assert bucket["count"] == len(inside)
        errors = sum(ago % 2 for ago in inside)
        split = {"error": errors, "info": len(inside) - errors}
        assert bucket["by"] == {level: count for level, count in split.items() if count}
    assert sum(bucket["count"] for bucket in answer["buckets"]) == 8
    assert {bucket["count"] for bucket in histogram(charlie)["buckets"]} == {0}


def test_first_and_last_bucket_are_cut_by_the_range(alice: Person, shelf: Shelf) -> None:
    for seconds in (0, 20, 40):
        shelf.put_record(alice.scope, at=NOON_NS - MINUTE_NS + seconds * NS_PER_SECOND)
    answer = histogram(
        alice, buckets=1, **{"from": "2026-11-20T11:59:20Z", "to": "2026-11-20T11:59:40Z"}
    )
    assert answer["interval"] == "1m"
    assert answer["buckets"] == [{"at": "2026-11-20T11:59:00Z", "count": 1}]


@pytest.mark.parametrize(
    ("from_", "buckets", "interval"),
    [
        ("now-15m", 60, "15s"),
        ("now-1h", 60, "1m"),
        ("now-1d", 60, "30m"),
        ("now-7d", 60, "3h"),
        ("now-30d", 60, "12h"),
        ("now-30d", 31, "1d"),
        ("now-1y", 60, "8d"),
        ("now-1s", 1_000, "1s"),
        ("1970-01-01", 1, "32768d"),
    ],
)
def test_the_smallest_nice_width_is_taken(
    alice: Person, memory_shelf: Shelf, from_: str, buckets: int, interval: str
) -> None:
    answer = histogram(alice, buckets=buckets, **{"from": from_})
    assert answer["interval"] == interval
    assert 1 <= len(answer["buckets"]) <= buckets


def test_the_query_counts_and_values_of_attributes_are_labels(alice: Person, shelf: Shelf) -> None:
    for status in (200, 500, "500", True, 1.5):
        shelf.put_record(alice.scope, "paid", attributes={"status": status})
    shelf.put_record(alice.scope, "paid")
    shelf.put_record(alice.scope, "other")
    last = histogram(alice, q="paid", by="status")["buckets"][-1]
    assert last["count"] == 6
    assert last["by"] == {"200": 1, "500": 2, "true": 1, "1.5": 1}


@pytest.mark.parametrize(
    ("asked", "name", "code"),
    [
        ({"buckets": 0}, "buckets", "out_of_range"),
        ({"buckets": 1_001}, "buckets", "out_of_range"),
        ({"by": "message"}, "by", "not_groupable"),
        ({"by": "@timestamp"}, "by", "not_groupable"),
        ({"by": "x" * 513}, "by", "too_long"),
        ({"q": "("}, "q", None),
        ({"from": "now+1s"}, "from", "empty_range"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(
    alice: Person, memory_shelf: Shelf, asked: dict[str, Any], name: str, code: str | None
) -> None:
    answer = alice.client.get(PATH, asked)
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert error["field"] == name
    assert code in (error["code"], None)


def test_a_key_needs_the_scope_to_search(
    alice: Person, memory_shelf: Shelf, acme_ingest_key: str
) -> None:
    answer = alice.client.get(PATH, headers={"Authorization": f"ApiKey {acme_ingest_key}"})
    assert answer.status_code == 403
