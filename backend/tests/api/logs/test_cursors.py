"""Pages that follow one another, whatever happens between them."""

from __future__ import annotations

from typing import Any

import pytest

from app.logs.cursor import CURSOR_LIFETIME_SECONDS
from app.logs.held_searches import MAX_HELD_SEARCHES
from app.logs.models import HeldSearch
from app.logstore.types import NS_PER_SECOND, RoutedRecord
from tests.api.logs.conftest import KEY, Shelf
from tests.conformance.records import NOON_NS, a_record, a_sent_record
from tests.conftest import Person

PATH = "/api/v1/logs/search/"
LONG_QUERY = " OR ".join(
    f"user:{chr(0x4E00 + number * 37)}{number * 7919}" for number in range(580)
)


def page(person: Person, **asked: Any) -> dict[str, Any]:
    """A page; everything is asked of the hour before noon."""
    answer = person.client.get(PATH, asked)
    assert answer.status_code == 200, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def refusal(person: Person, **asked: Any) -> str:
    """The code of a refused page."""
    answer = person.client.get(PATH, asked)
    assert answer.status_code == 400, answer.json()
    return str(answer.json()["code"])


def ids_of(body: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in body["hits"]]


def ties(person: Person, number: int) -> list[RoutedRecord]:
    """Records of one instant."""
    at = NOON_NS - NS_PER_SECOND
    return [
        a_sent_record(f"tie-{index:04}", org_id=person.org_id, at=at) for index in range(number)
    ]


@pytest.mark.parametrize("sort", ["-@timestamp", "@timestamp"])
def test_records_of_one_instant_come_once_each_while_more_arrive(
    alice: Person, shelf: Shelf, sort: str
) -> None:
    records = ties(alice, 50)
    shelf.put(*records)
    seen: list[str] = []
    answer = page(alice, sort=sort, page_size=7)
    pages = 0
    while True:
        seen += ids_of(answer)
        pages += 1
        shelf.put_record(alice.scope, "newer", at=NOON_NS - 1, id=f"newer-{pages}")
        shelf.put_record(alice.scope, "beyond", at=NOON_NS + pages, id=f"beyond-{pages}")
        shelf.clock.at_ns += 60 * NS_PER_SECOND
        if answer["next_cursor"] is None:
            break
        answer = page(alice, cursor=answer["next_cursor"])
    order = sorted((record.id for record in records), reverse=sort == "-@timestamp")
    assert [one for one in seen if one.startswith("tie")] == order
    assert len(seen) == len(set(seen))
    assert not [one for one in seen if one.startswith("beyond")]


def test_a_cursor_brings_query_stream_sort_range_and_page_size(alice: Person, shelf: Shelf) -> None:
    for index in range(6):
        shelf.put_record(
            alice.scope,
            stream="web" if index % 2 else "other",
            service="a",
            id=f"r{index}",
            at=NOON_NS - (10 - index) * NS_PER_SECOND,
        )
    first = page(
        alice,
        q="service:a",
        stream="web",
        sort="@timestamp",
        page_size=1,
        **{"from": "now-9s", "to": "now-1s"},
    )
    second = page(alice, cursor=first["next_cursor"], stream="other", sort="-@timestamp", to="now")
    assert ids_of(first) + ids_of(second) == ["r1", "r3"]
    assert second["range"] == first["range"]
    assert second["total"] == {"value": 3, "relation": "eq"}
    third = page(alice, cursor=second["next_cursor"], q="service:a", page_size=9)
    assert ids_of(third) == ["r5"]
    assert third["next_cursor"] is None


def test_now_in_the_query_stays_what_it_was_on_the_first_page(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, id="old", at=NOON_NS - 299 * NS_PER_SECOND)
    shelf.put_record(alice.scope, id="new")
    first = page(alice, q="@timestamp>=now-5m", page_size=1)
    shelf.clock.at_ns += 240 * NS_PER_SECOND
    assert ids_of(page(alice, cursor=first["next_cursor"])) == ["old"]


def test_another_query_beside_a_cursor_is_refused(alice: Person, shelf: Shelf) -> None:
    shelf.put(*ties(alice, 3))
    cursor = page(alice, q="it", page_size=1)["next_cursor"]
    assert refusal(alice, cursor=cursor, q="other") == "cursor_mismatch"
    assert refusal(alice, cursor=cursor, q="") == "cursor_mismatch"
    assert ids_of(page(alice, cursor=cursor, q="it")) == ["tie-0001"]


def test_a_cursor_outlives_a_restart_and_not_its_key(alice: Person, shelf: Shelf) -> None:
    shelf.put(*ties(alice, 3))
    cursor = page(alice, page_size=1)["next_cursor"]
    shelf.restart_search()
    assert ids_of(page(alice, cursor=cursor)) == ["tie-0001"]
    shelf.restart_search(keys=(b"a new key", KEY))
    assert ids_of(page(alice, cursor=cursor)) == ["tie-0001"]
    shelf.restart_search(keys=(b"a new key",))
    assert refusal(alice, cursor=cursor) == "cursor_invalid"


def test_a_cursor_lives_for_a_day(alice: Person, shelf: Shelf) -> None:
    shelf.put(*ties(alice, 3))
    cursor = page(alice, page_size=1)["next_cursor"]
    shelf.clock.at_ns += CURSOR_LIFETIME_SECONDS * NS_PER_SECOND
    assert ids_of(page(alice, cursor=cursor)) == ["tie-0001"]
    shelf.clock.at_ns += NS_PER_SECOND
    assert refusal(alice, cursor=cursor) == "cursor_expired"


def test_charlie_cannot_use_a_cursor_of_acme(alice: Person, charlie: Person, shelf: Shelf) -> None:
    shelf.put(*ties(alice, 3))
    cursor = page(alice, page_size=1)["next_cursor"]
    assert refusal(charlie, cursor=cursor) == "cursor_invalid"


@pytest.mark.parametrize("change", ["x{}", "{}x", "{}!", "{}\n", "é{}", "nonsense"])
def test_a_changed_cursor_is_refused(alice: Person, shelf: Shelf, change: str) -> None:
    shelf.put(*ties(alice, 3))
    cursor = page(alice, page_size=1)["next_cursor"]
    assert refusal(alice, cursor=change.format(cursor)) == "cursor_invalid"


def test_a_query_too_long_for_a_cursor_is_kept_beside_it(
    alice: Person, charlie: Person, shelf: Shelf
) -> None:
    assert 9_000 < len(LONG_QUERY) <= 10_000
    shelf.put(
        *(
            a_record(
                org_id=alice.org_id, id=f"r{index}", at=NOON_NS - 1, attributes={"user": "一0"}
            )
            for index in range(3)
        )
    )
    first = page(alice, q=LONG_QUERY, page_size=1)
    assert len(first["next_cursor"]) <= 1_024
    shelf.restart_search()
    second = page(alice, cursor=first["next_cursor"])
    assert ids_of(first) + ids_of(second) == ["r2", "r1"]
    assert ids_of(page(alice, cursor=second["next_cursor"], q=LONG_QUERY)) == ["r0"]
    assert refusal(alice, cursor=first["next_cursor"], q="other") == "cursor_mismatch"
    assert refusal(charlie, cursor=first["next_cursor"]) == "cursor_invalid"
    assert HeldSearch.objects.for_scope(alice.scope).count() == 1
    assert HeldSearch.objects.for_scope(charlie.scope).count() == 0


def test_of_too_many_kept_queries_the_oldest_is_forgotten(alice: Person, shelf: Shelf) -> None:
    shelf.put(
        *(a_record(org_id=alice.org_id, at=NOON_NS - 1, attributes={"user": "一0"}) for _ in "ab")
    )
    cursor = page(alice, q=LONG_QUERY, page_size=1)["next_cursor"]
    oldest = HeldSearch.objects.for_scope(alice.scope).get()
    later = oldest.expires_at.replace(year=2030)
    HeldSearch.unscoped.bulk_create(
        HeldSearch(
            organisation_id=alice.org_id, digest=f"{number:032x}", query="q", expires_at=later
        )
        for number in range(MAX_HELD_SEARCHES)
    )
    assert ids_of(page(alice, cursor=cursor))
    page(alice, q=LONG_QUERY + " ", page_size=1)
    assert HeldSearch.objects.for_scope(alice.scope).count() == MAX_HELD_SEARCHES
    assert refusal(alice, cursor=cursor) == "cursor_expired"


def test_an_id_of_512_bytes_still_fits(alice: Person, shelf: Shelf) -> None:
    shelf.put(
        *(
            a_sent_record("é" * 255 + str(index), org_id=alice.org_id, at=NOON_NS - 1)
            for index in range(3)
        )
    )
    first = page(alice, page_size=1)
    assert len(first["next_cursor"]) <= 1_024
    assert [one[-1] for one in ids_of(page(alice, cursor=first["next_cursor"], page_size=5))] == [
        "1",
        "0",
    ]
