"""Single records and what stands around them, over HTTP."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from app.logstore.types import NS_PER_DAY, NS_PER_SECOND
from tests.api.logs.conftest import Shelf
from tests.conformance.records import NOON_NS, a_sent_record
from tests.conftest import Person

PATH = "/api/v1/logs/"
IDS = [
    "plain",
    "with/slash",
    "/leading",
    "trailing/",
    "a//b",
    "100%",
    "%2F",
    "with space",
    "?q=1#x",
    "ünï-日本-🔥",
    "line\nbreak",
    "..",
    "a/../b",
    "+",
    "x" * 512,
]


@pytest.mark.parametrize("record_id", IDS)
def test_a_record_is_found_by_any_id(alice: Person, shelf: Shelf, record_id: str) -> None:
    shelf.put(a_sent_record(record_id, org_id=alice.org_id, at=NOON_NS - NS_PER_DAY))
    answer = alice.client.get(f"{PATH}{quote(record_id, safe='')}/")
    assert answer.status_code == 200
    assert answer.json()["id"] == record_id
    assert "highlight" not in answer.json()
    beside = alice.client.get(f"{PATH}record/", {"id": record_id})
    assert beside.json() == answer.json()


@pytest.mark.parametrize("record_id", ["search", "record", "fields", "a/context", "x/values"])
def test_the_parameter_finds_what_a_path_would_mistake(
    alice: Person, shelf: Shelf, record_id: str
) -> None:
    shelf.put(a_sent_record(record_id, org_id=alice.org_id))
    assert alice.client.get(f"{PATH}record/", {"id": record_id}).json()["id"] == record_id


def test_charlie_finds_no_record_of_acme(
    alice: Person, bob: Person, charlie: Person, shelf: Shelf
) -> None:
    record = shelf.put_record(alice.scope)
    paths = (
        f"{PATH}{record.id}/",
        f"{PATH}record/?id={record.id}",
        f"{PATH}{record.id}/context/",
    )
    for path in paths:
        assert bob.client.get(path).status_code == 200
        answer = charlie.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["detail"] == alice.client.get(f"{PATH}nothing/").json()["detail"]


def test_one_id_in_two_organisations_is_two_records(
    alice: Person, charlie: Person, shelf: Shelf
) -> None:
    shelf.put(a_sent_record("shared", "of acme", org_id=alice.org_id))
    shelf.put(a_sent_record("shared", "of globex", org_id=charlie.org_id))
    assert alice.client.get(f"{PATH}shared/").json()["message"] == "of acme"
    assert charlie.client.get(f"{PATH}shared/").json()["message"] == "of globex"


def test_an_id_has_to_be_given(alice: Person, memory_shelf: Shelf) -> None:
    for asked, code in (({}, "required"), ({"id": "x" * 513}, "too_long")):
        answer = alice.client.get(f"{PATH}record/", asked)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == code


def test_the_context_is_what_the_same_source_said_just_before_and_after(
    alice: Person, shelf: Shelf
) -> None:
    for index in range(-5, 6):
        at = NOON_NS + index * NS_PER_SECOND
        shelf.put_record(alice.scope, f"web {index}", at=at, service="web", id=f"web{index}")
        shelf.put_record(alice.scope, f"db {index}", at=at, service="db")
    shelf.put_record(alice.scope, "web long ago", at=NOON_NS - 2 * NS_PER_DAY, service="web")
    path = f"{PATH}web0/context/"
    answer = alice.client.get(path, {"before": 2, "after": 3}).json()
    assert [record["message"] for record in answer["before"]] == ["web -2", "web -1"]
    assert answer["record"]["message"] == "web 0"
    assert [record["message"] for record in answer["after"]] == ["web 1", "web 2", "web 3"]
    everything = alice.client.get(path, {"before": "0", "after": "100", "by": "host"}).json()
    assert everything["before"] == []
    assert len(everything["after"]) == 10
    assert len(alice.client.get(path, {"by": "service"}).json()["before"]) == 5


@pytest.mark.parametrize(
    "asked", [{"before": 101}, {"after": -1}, {"by": "message"}, {"by": "a,b,c,d,e"}, {"by": "x"}]
)
def test_a_context_is_bounded(alice: Person, shelf: Shelf, asked: dict[str, str]) -> None:
    record = shelf.put_record(alice.scope)
    answer = alice.client.get(f"{PATH}{record.id}/context/", asked)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(asked))


def test_an_ingest_key_may_not(alice: Person, shelf: Shelf, acme_ingest_key: str) -> None:
    record = shelf.put_record(alice.scope)
    headers = {"Authorization": f"ApiKey {acme_ingest_key}"}
    for path in (f"{record.id}/", f"record/?id={record.id}", f"{record.id}/context/"):
        assert alice.client.get(f"{PATH}{path}", headers=headers).status_code == 403
