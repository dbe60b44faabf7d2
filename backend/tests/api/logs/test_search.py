"""Pages of a search over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from app.core.errors import Unavailable
from app.core.scope import Scope
from app.logstore.memory.store import MemoryStore
from app.logstore.types import NS_PER_SECOND, Page, SearchPlan
from tests.api.logs.conftest import Shelf
from tests.conformance.records import NOON_NS, a_record
from tests.conftest import Person, client_with

PATH = "/api/v1/logs/search/"


def found(person: Person, **asked: Any) -> list[str]:
    """The messages of a first page."""
    answer = person.client.get(PATH, asked)
    assert answer.status_code == 200, answer.json()
    return [hit["message"] for hit in answer.json()["hits"]]


def refused(person: Person, status: int = 400, **asked: Any) -> dict[str, Any]:
    """The problem that a search is answered with."""
    answer = person.client.get(PATH, asked)
    assert answer.status_code == status, answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    return problem


def test_a_hit_has_everything_that_the_contract_names(alice: Person, shelf: Shelf) -> None:
    record = shelf.put_record(
        alice.scope,
        "payment timeout",
        at=NOON_NS - 1,
        level="error",
        level_number=17,
        service="checkout",
        host="web-1",
        attributes={"status": 500, "user": {"id": "u1"}, "big": 2**70, "none": None},
    )
    answer = alice.client.get(PATH, {"q": "timeout"}).json()
    assert answer.pop("took_ms") >= 0
    assert answer == {
        "timed_out": False,
        "range": {"from": "2026-11-20T11:45:00Z", "to": "2026-11-20T12:00:00Z"},
        "total": {"value": 1, "relation": "eq"},
        "hits": [
            {
                "id": record.id,
                "@timestamp": "2026-11-20T11:59:59.999999999Z",
                "observed_at": "2026-11-20T12:00:00Z",
                "message": "payment timeout",
                "level": "error",
                "level_number": 17,
                "service": "checkout",
                "host": "web-1",
                "environment": None,
                "logger": None,
                "trace_id": None,
                "span_id": None,
                "stream": "default",
                "attributes": {
                    "status": 500,
                    "user": {"id": "u1"},
                    "big": 2**70,
                    "none": None,
                },
                "highlight": {"message": [[8, 15]]},
            }
        ],
        "next_cursor": None,
    }


def test_bob_may_read_and_charlie_sees_nothing(
    alice: Person, bob: Person, charlie: Person, shelf: Shelf
) -> None:
    shelf.put_record(alice.scope, "acme only")
    assert found(alice) == found(bob) == ["acme only"]
    assert found(charlie) == []
    assert charlie.client.get(PATH).json()["total"] == {"value": 0, "relation": "eq"}


@pytest.mark.parametrize("query", ["", "*", "org_id:*", "NOT org_id:x", "acme OR NOT acme"])
def test_no_query_widens_what_charlie_sees(
    alice: Person, charlie: Person, shelf: Shelf, query: str
) -> None:
    shelf.put_record(alice.scope, "acme only")
    assert found(charlie, q=query) == []
    assert found(charlie, q=f"{query} OR org_id:{alice.org_id}" if query else "*") == []


def test_charlie_cannot_name_acme(alice: Person, charlie: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope)
    answer = charlie.client.get(PATH, headers={"X-Organisation": alice.slug})
    assert answer.status_code == 404


def test_a_key_needs_the_scope_to_search(
    memory_shelf: Shelf, acme_ingest_key: str, acme_search_key: str
) -> None:
    may_not = client_with(Authorization=f"ApiKey {acme_ingest_key}").get(PATH)
    assert (may_not.status_code, may_not.json()["code"]) == (403, "permission_denied")
    assert client_with(Authorization=f"ApiKey {acme_search_key}").get(PATH).status_code == 200


def test_nobody_searches_without_a_credential(memory_shelf: Shelf, db: None) -> None:
    assert client_with().get(PATH).status_code == 401


def test_newest_first_unless_asked_otherwise(alice: Person, shelf: Shelf) -> None:
    for seconds in (3, 1, 2):
        shelf.put_record(alice.scope, f"m{seconds}", at=NOON_NS - seconds * NS_PER_SECOND)
    assert found(alice) == found(alice, sort="-@timestamp") == ["m1", "m2", "m3"]
    assert found(alice, sort="@timestamp") == ["m3", "m2", "m1"]


def test_the_range_holds_its_beginning_and_not_its_end(alice: Person, shelf: Shelf) -> None:
    for offset in (-1, 0, 9, 10):
        shelf.put_record(alice.scope, f"m{offset}", at=NOON_NS - NS_PER_SECOND + offset)
    begin, end = "2026-11-20T11:59:59Z", "2026-11-20T11:59:59.00000001Z"
    assert found(alice, **{"from": begin, "to": end}) == ["m9", "m0"]


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("2026-11-20T11:00:00Z", "2026-11-20T11:30:00Z"),
        ("2026-11-20T12:00:00+01:00", "2026-11-20T12:30:00+01:00"),
        ("1795172400000", "1795174200000"),
        ("now-1h", "now-30m"),
        ("now-1h/h", "now-30m"),
    ],
)
def test_times_may_be_written_in_several_ways(
    alice: Person, memory_shelf: Shelf, from_: str, to: str
) -> None:
    answer = alice.client.get(PATH, {"from": from_, "to": to}).json()
    assert answer["range"] == {"from": "2026-11-20T11:00:00Z", "to": "2026-11-20T11:30:00Z"}


def test_a_range_in_the_query_narrows_the_range(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, "old", at=NOON_NS - 600 * NS_PER_SECOND)
    shelf.put_record(alice.scope, "new")
    shelf.put_record(alice.scope, "too old", at=NOON_NS - 3_600 * NS_PER_SECOND)
    assert found(alice, q="@timestamp>=now-1d") == ["new", "old"]
    answer = alice.client.get(PATH, {"q": "@timestamp>=now-5m"}).json()
    assert [hit["message"] for hit in answer["hits"]] == ["new"]
    assert answer["range"]["from"] == "2026-11-20T11:55:00Z"


def test_a_stream_is_asked_for_by_name_and_hidden_ones_only_so(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, "plain")
    shelf.put_record(alice.scope, "web", stream="web")
    shelf.put_record(alice.scope, "hidden", stream="_quarantine")
    assert sorted(found(alice)) == ["plain", "web"]
    assert found(alice, stream="web") == ["web"]
    assert found(alice, stream="_quarantine") == ["hidden"]
    assert found(alice, stream="nowhere") == []


def test_a_post_asks_the_same_as_a_get(alice: Person, charlie: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, "timeout", service="a")
    shelf.put_record(alice.scope, "timeout", service="b")
    body = {"q": "service:a", "from": 1_795_176_000_000 - 60_000, "to": "now", "page_size": 5}
    answer = alice.client.post(PATH, body).json()
    assert [hit["service"] for hit in answer["hits"]] == ["a"]
    assert answer["range"]["from"] == "2026-11-20T11:59:00Z"
    assert charlie.client.post(PATH, body).json()["hits"] == []


def test_an_unknown_name_is_refused_in_json_and_ignored_in_an_address(
    alice: Person, memory_shelf: Shelf
) -> None:
    answer = alice.client.post(PATH, {"page_sise": 5})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "unknown_parameter"
    assert "page_size" in answer.json()["errors"][0]["detail"]
    assert found(alice, page_sise=5, utm_source="x") == []


@pytest.mark.parametrize("body", ["[]", '"q"', "1", "null"])
def test_a_body_that_is_no_object_is_refused(alice: Person, memory_shelf: Shelf, body: str) -> None:
    answer = alice.client.post(PATH, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_an_object")


def test_a_body_that_is_no_json_is_refused(alice: Person, memory_shelf: Shelf) -> None:
    answer = alice.client.post(PATH, "{", content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("asked", "name", "code"),
    [
        ({"page_size": 0}, "page_size", "out_of_range"),
        ({"page_size": 1_001}, "page_size", "out_of_range"),
        ({"page_size": "many"}, "page_size", "not_a_number"),
        ({"timeout_ms": 60_001}, "timeout_ms", "out_of_range"),
        ({"sort": "level"}, "sort", "unknown_choice"),
        ({"from": "yesterday"}, "from", "invalid_time"),
        ({"to": "2026-13-01"}, "to", "invalid_time"),
        ({"from": "now", "to": "now"}, "from", "empty_range"),
        ({"stream": "s" * 256}, "stream", "too_long"),
        ({"q": "x" * 100_001}, "q", "too_long"),
        ({"cursor": "c" * 1_025}, "cursor", "too_long"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(
    alice: Person, memory_shelf: Shelf, asked: dict[str, Any], name: str, code: str
) -> None:
    problem = refused(alice, **asked)
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(name, code)]


def test_every_mistake_is_named_at_once(alice: Person, memory_shelf: Shelf) -> None:
    problem = refused(alice, page_size=0, sort="x", timeout_ms="y")
    assert [error["field"] for error in problem["errors"]] == ["timeout_ms", "sort", "page_size"]


def test_a_query_that_cannot_be_parsed_points_at_the_place(
    alice: Person, memory_shelf: Shelf
) -> None:
    problem = refused(alice, q="status:[500 TO")
    assert problem["code"] == "query_syntax"
    error = problem["errors"][0]
    assert (error["field"], error["position"], error["length"]) == ("q", 14, 0)
    assert error["expected"]
    assert alice.client.get(PATH, {"q": error["suggestion"]}).status_code == 200


def test_a_query_over_its_length_is_refused(alice: Person, memory_shelf: Shelf) -> None:
    assert refused(alice, q="x" * 10_001)["code"] == "query_syntax"


def test_highlights_count_code_points(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, "🔥🔥 Überlauf im Puffer — ÜBERLAUF 👩‍🚒 Überlauf!")
    hit = alice.client.get(PATH, {"q": "überlauf"}).json()["hits"][0]
    places = hit["highlight"]["message"]
    assert [hit["message"][start:end] for start, end in places] == [
        "Überlauf",
        "ÜBERLAUF",
        "Überlauf",
    ]


def test_nothing_is_highlighted_where_a_field_matched(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, "checkout failed", service="checkout")
    hit = alice.client.get(PATH, {"q": "service:checkout"}).json()["hits"][0]
    assert hit["highlight"] == {"message": []}


def test_more_searches_than_may_run_are_refused_with_a_time_to_wait(
    alice: Person, charlie: Person, shelf: Shelf
) -> None:
    search = shelf.restart_search(running=1)
    with search.gate.entered(charlie.org_id):
        answer = alice.client.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "too_many_searches")
    assert answer["Retry-After"] == "1"
    assert alice.client.get(PATH).status_code == 200


def test_the_searches_of_one_organisation_leave_room_for_others(
    alice: Person, charlie: Person, shelf: Shelf
) -> None:
    search = shelf.restart_search(running=2)
    with search.gate.entered(alice.org_id):
        answer = alice.client.get(PATH)
        assert charlie.client.get(PATH).status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_searches")
    assert answer["Retry-After"] == "1"


def test_a_record_of_unusual_shape_is_answered_as_it_was_sent(alice: Person, shelf: Shelf) -> None:
    attributes = {"": 1, "a.b": {"c d": ["ü", {"": None}]}, "n": -0.5, "deep": [[[[]]]], "e": {}}
    shelf.put_record(alice.scope, "", attributes=attributes)
    assert alice.client.get(PATH).json()["hits"][0]["attributes"] == attributes


def test_a_head_is_answered_like_a_get_without_a_body(alice: Person, memory_shelf: Shelf) -> None:
    answer = alice.client.head(PATH, {"page_size": 5, "whatever": 1})
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_largest_page_has_a_thousand_hits(alice: Person, shelf: Shelf) -> None:
    shelf.put(
        *(
            a_record(f"m{index}", org_id=alice.org_id, at=NOON_NS - 1 - index)
            for index in range(1_001)
        )
    )
    answer = alice.client.get(PATH, {"page_size": 1_000}).json()
    assert [hit["message"] for hit in answer["hits"]] == [f"m{index}" for index in range(1_000)]
    assert answer["total"]["value"] == 1_001
    last = alice.client.get(PATH, {"cursor": answer["next_cursor"]}).json()
    assert [hit["message"] for hit in last["hits"]] == ["m1000"]


class LateStore(MemoryStore):
    """Never has the time to look at everything, and one of its partitions is broken."""

    @override
    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        page = super().search(scope, plan)
        return replace(page, timed_out=True, skipped=("30d-pool0/2026-w47",))


def test_what_was_found_in_time_is_answered_as_such(alice: Person, shelf: Shelf) -> None:
    late = LateStore()
    late_shelf = Shelf(late, late, shelf.clock)
    late_shelf.restart_search()
    late_shelf.put_record(alice.scope, "found")
    answer = alice.client.get(PATH, {"timeout_ms": 1}).json()
    assert answer["timed_out"] is True
    assert answer["total"] == {"value": 1, "relation": "gte"}
    assert answer["skipped"] == ["30d-pool0/2026-w47"]
    assert len(answer["hits"]) == 1


class BrokenStore(MemoryStore):
    """Cannot be reached."""

    @override
    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        raise Unavailable("the store does not answer", code="store_unavailable")


def test_a_store_that_is_down_is_said_so(alice: Person, shelf: Shelf) -> None:
    broken = BrokenStore()
    Shelf(broken, broken, shelf.clock).restart_search()
    answer = alice.client.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer["Retry-After"]
