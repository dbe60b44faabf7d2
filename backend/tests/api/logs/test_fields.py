"""Fields and their values over HTTP, against plain Python."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.logs.conftest import Shelf
from tests.conformance.records import NOON_NS
from tests.conftest import Person

FIELDS = "/api/v1/logs/fields/"


def values(person: Person, field: str, **asked: Any) -> dict[str, Any]:
    """The answer of both forms of the address, which is the same."""
    named = person.client.get(f"{FIELDS}{quote(field, safe='')}/values/", asked)
    beside = person.client.get(f"{FIELDS}values/", {"field": field, **asked})
    assert named.status_code == beside.status_code == 200, named.json()
    assert named.json() == beside.json()
    body: dict[str, Any] = named.json()
    return body


def test_fields_have_the_share_of_records_that_have_them(
    alice: Person, charlie: Person, shelf: Shelf
) -> None:
    for index in range(4):
        attributes = {"status": 500 if index else "none", "user": {"id": "u"}} if index < 3 else {}
        shelf.put_record(alice.scope, service="a" if index else None, attributes=attributes)
    shelf.put_record(alice.scope, at=NOON_NS, attributes={"later": 1})
    answer = alice.client.get(FIELDS).json()
    by_name = {field["name"]: field for field in answer["fields"]}
    assert by_name["service"] == {
        "name": "service",
        "type": "string",
        "indexed": True,
        "coverage": 0.75,
    }
    assert by_name["status"]["type"] == "mixed"
    assert by_name["status"]["coverage"] == by_name["user.id"]["coverage"] == 0.75
    assert by_name["@timestamp"]["type"] == "time"
    assert "later" not in by_name
    assert "host" not in by_name
    assert answer["total"] == 4
    assert charlie.client.get(FIELDS).json() == {"fields": [], "total": 0}


def test_an_attribute_called_like_a_built_in_field_has_a_name_that_means_it(
    alice: Person, shelf: Shelf
) -> None:
    shelf.put_record(alice.scope, attributes={"level": "loud", "id": 5, "attributes.x": 1})
    names = [field["name"] for field in alice.client.get(FIELDS).json()["fields"]]
    assert {"attributes.level", "attributes.id", "attributes.attributes.x"} <= set(names)
    assert "level" not in names
    assert names.count("id") == 1
    assert values(alice, "attributes.level")["values"] == [{"value": "loud", "count": 1}]


def test_values_agree_with_plain_python(alice: Person, charlie: Person, shelf: Shelf) -> None:
    sent: list[Any] = ["a", "a", "ab", "b", ["a", "b"], 7, 7.0, "7", True, None]
    for value in sent:
        shelf.put_record(alice.scope, attributes={"x": value}, level="info")
    shelf.put_record(alice.scope, "unrelated", attributes={"x": "zzz"}, level="error")
    answer = values(alice, "x", q="level:info", size=3)
    assert answer == {
        "values": [
            {"value": "a", "count": 3},
            {"value": 7, "count": 2},
            {"value": "b", "count": 2},
        ],
        "other": 3,
        "missing": 1,
        "distinct": 6,
    }
    assert values(alice, "x", prefix="a") == {
        "values": [{"value": "a", "count": 3}, {"value": "ab", "count": 1}],
        "other": 6,
        "missing": 1,
        "distinct": 2,
    }
    assert values(charlie, "x") == {"values": [], "other": 0, "missing": 0, "distinct": 0}


@pytest.mark.parametrize("name", ["a/b", "a b", "ü.ß", "100%", "values", "x/values", "?&#", "日本"])
def test_a_field_may_have_any_name(alice: Person, shelf: Shelf, name: str) -> None:
    shelf.put_record(alice.scope, attributes={name: "v"})
    assert values(alice, name)["values"] == [{"value": "v", "count": 1}]


@pytest.mark.parametrize(
    ("asked", "name", "code"),
    [
        ({}, "field", "required"),
        ({"field": "x" * 513}, "field", "too_long"),
        ({"field": "message"}, "field", "not_groupable"),
        ({"field": "x", "size": 1_001}, "size", "out_of_range"),
        ({"field": "x", "prefix": "p" * 257}, "prefix", "too_long"),
        ({"field": "x", "q": "a AND"}, "q", None),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(
    alice: Person, memory_shelf: Shelf, asked: dict[str, Any], name: str, code: str | None
) -> None:
    answer = alice.client.get(f"{FIELDS}values/", asked)
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert error["field"] == name
    assert code in (error["code"], None)


def test_the_number_of_fields_is_bounded(alice: Person, shelf: Shelf) -> None:
    shelf.put_record(alice.scope, attributes={f"k{index}": 1 for index in range(20)})
    answer = alice.client.get(FIELDS, {"limit": 5}).json()
    assert sum(field["name"].startswith("k") for field in answer["fields"]) == 5
    assert alice.client.get(FIELDS, {"limit": 5_001}).status_code == 400


def test_an_ingest_key_may_not(alice: Person, memory_shelf: Shelf, acme_ingest_key: str) -> None:
    headers = {"Authorization": f"ApiKey {acme_ingest_key}"}
    for path in (FIELDS, f"{FIELDS}values/?field=x", f"{FIELDS}x/values/"):
        assert alice.client.get(path, headers=headers).status_code == 403
