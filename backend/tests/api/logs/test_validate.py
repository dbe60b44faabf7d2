"""Queries looked at for an editor, over HTTP."""

from __future__ import annotations

from tests.api.logs.conftest import Shelf
from tests.conftest import Person

PATH = "/api/v1/logs/validate/"


def test_a_good_query_is_answered_with_its_tree(alice: Person, memory_shelf: Shelf) -> None:
    answer = alice.client.post(PATH, {"q": "level:error timeout"}).json()
    assert answer["valid"] is True
    assert answer["normalised"] == "level:error AND timeout"
    assert answer["errors"] == []
    tree = answer["tree"]
    assert (tree["kind"], tree["position"], tree["length"]) == ("and", 0, 19)
    field, word = tree["children"]
    assert field["name"] == {"kind": "name", "text": "level", "position": 0, "length": 5}
    assert word["value"] == {"kind": "word", "text": "timeout", "position": 12, "length": 7}


def test_a_broken_query_is_200_and_points_at_the_place(alice: Person, memory_shelf: Shelf) -> None:
    answer = alice.client.post(PATH, {"q": "level:error AND ("})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["valid"], body["tree"], body["normalised"]) == (False, None, None)
    error = body["errors"][0]
    assert error["position"] >= 16
    assert alice.client.post(PATH, {"q": error["suggestion"]}).json()["valid"] is True


def test_a_query_without_a_meaning_is_broken_too(alice: Person, memory_shelf: Shelf) -> None:
    body = alice.client.post(PATH, {"q": "level:eror"}).json()
    assert body["valid"] is False
    assert body["errors"][0]["suggestion"] == "level:error"


def test_charlie_learns_nothing_and_a_stranger_may_not_ask(
    charlie: Person, anonymous: object, memory_shelf: Shelf, acme_ingest_key: str
) -> None:
    assert charlie.client.post(PATH, {"q": "level:error"}).json()["valid"] is True
    headers = {"Authorization": f"ApiKey {acme_ingest_key}"}
    assert charlie.client.post(PATH, {"q": "x"}, headers=headers).status_code == 403


def test_other_parameters_are_refused(alice: Person, memory_shelf: Shelf) -> None:
    assert alice.client.post(PATH, {"query": "x"}).status_code == 400
