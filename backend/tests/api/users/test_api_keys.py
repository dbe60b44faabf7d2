"""API keys and organisations: who may, who may not, and for whom it does not even exist."""

from __future__ import annotations

import base64
from datetime import timedelta
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from app.audit.selectors import list_audit_entries
from app.core.clock import utc_now
from app.core.ids import uuid7
from app.core.pagination import ListRequest
from app.core.scope import Permission
from app.users import services
from app.users.authentication import forget_callers
from app.users.models import ApiKey, Membership, Role
from app.users.selectors import find_api_key
from tests.conftest import Person, client_with, key_of

KEYS = "/api/v1/api-keys/"


def test_a_key_is_shown_once_and_never_again(alice: Person) -> None:
    answer = alice.client.post(KEYS, {"name": "shipper", "scopes": ["ingest"]})
    assert answer.status_code == 201
    body = answer.json()
    assert body["key"].startswith("elkv_")
    assert body["key"].startswith(body["prefix"])
    assert len(body["prefix"]) < len(body["key"]) / 2
    listed = alice.client.get(KEYS).json()
    assert [row["id"] for row in listed["results"]] == [body["id"]]
    single = alice.client.get(f"{KEYS}{body['id']}/")
    for shown in (listed, single.json()):
        assert body["key"] not in str(shown)
    assert single.json()["scopes"] == ["ingest"]
    row = ApiKey.objects.for_scope(alice.scope).get()
    assert body["key"] not in str(vars(row))


def test_keys_are_audited_when_they_come_and_go(alice: Person) -> None:
    made = alice.client.post(KEYS, {"name": "shipper", "scopes": ["ingest"]}).json()
    alice.client.delete(f"{KEYS}{made['id']}/")
    entries = list_audit_entries(alice.scope, ListRequest()).items
    assert {"api_key_created", "api_key_deleted"} <= {entry.action for entry in entries}
    assert {entry.actor_id for entry in entries} == {str(alice.user_id)}
    assert made["key"] not in repr(entries)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "ApiKey {key}"},
        {"Authorization": "Splunk {key}"},
        {"Authorization": "apikey {pair}"},
        {"Authorization": "Bearer {key}"},
        {"Authorization": "Basic {pair}"},
        {"Authorization": "Basic {reversed}"},
        {"X-API-Key": "{key}"},
    ],
)
def test_a_key_is_taken_in_every_form(acme_key: str, headers: dict[str, str]) -> None:
    forms = {
        "key": acme_key,
        "pair": base64.b64encode(f"any:{acme_key}".encode()).decode(),
        "reversed": base64.b64encode(f"{acme_key}:".encode()).decode(),
    }
    client = client_with(**{name: text.format(**forms) for name, text in headers.items()})
    assert client.get(KEYS).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "ApiKey elkv_0000",
        "ApiKey",
        "Basic %%%",
        "Basic bm9jb2xvbg==",
        "Digest x",
        "Bearer elkv_0000",
        "ApiKey " + "x" * 9000,
        "ApiKey \u00e9",
    ],
)
@pytest.mark.django_db
def test_a_credential_that_is_none_is_a_401(authorization: str) -> None:
    answer = client_with(Authorization=authorization).get(KEYS)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


def test_a_key_that_was_deleted_is_dead_at_once(alice: Person, acme_key: str) -> None:
    client = client_with(Authorization=f"ApiKey {acme_key}")
    listed = client.get(KEYS).json()["results"]
    assert alice.client.delete(f"{KEYS}{listed[0]['id']}/").status_code == 204
    assert client.get(KEYS).status_code == 401
    assert find_api_key(acme_key) is None


def test_a_key_dies_when_its_time_is_up(alice: Person, acme_key: str) -> None:
    client = client_with(Authorization=f"ApiKey {acme_key}")
    assert client.get(KEYS).status_code == 200
    earlier = utc_now() - timedelta(seconds=1)
    ApiKey.objects.for_scope(alice.scope).update(expires_at=earlier)
    forget_callers()
    refused = client.get(KEYS)
    assert refused.status_code == 401
    assert refused.json()["code"] == "key_expired"


def test_a_key_can_be_made_to_expire(alice: Person) -> None:
    later = (utc_now() + timedelta(days=1)).isoformat()
    made = alice.client.post(KEYS, {"name": "x", "scopes": ["search"], "expires_at": later})
    assert made.status_code == 201
    grant = find_api_key(made.json()["key"])
    assert grant is not None
    assert grant.org_id == alice.org_id
    assert grant.permissions == {Permission.SEARCH}
    assert grant.expires_at is not None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"scopes": ["ingest"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "x", "scopes": ["ingest"], "expires_at": "soon"}, "expires_at"),
        ({"name": "x", "scopes": ["ingest"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_what_is_wrong_with_a_key_is_named(
    alice: Person, sent: dict[str, object], field: str
) -> None:
    answer = alice.client.post(KEYS, sent)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field.partition(".")[0])


def test_who_may_not_administer_gets_403_in_their_own_organisation(
    bob: Person, acme_ingest_key: str, acme_search_key: str
) -> None:
    machines = [
        client_with(Authorization=f"ApiKey {key}") for key in (acme_ingest_key, acme_search_key)
    ]
    for client in (bob.client, *machines):
        for answer in (client.get(KEYS), client.post(KEYS, {"name": "x", "scopes": ["ingest"]})):
            assert answer.status_code == 403
            assert answer.json()["code"] == "permission_denied"


def test_charlie_sees_nothing_of_acmes_keys(alice: Person, charlie: Person, acme_key: str) -> None:
    key_id = alice.client.get(KEYS).json()["results"][0]["id"]
    assert charlie.client.get(KEYS).json()["count"] == 0
    for answer in (
        charlie.client.get(f"{KEYS}{key_id}/"),
        charlie.client.delete(f"{KEYS}{key_id}/"),
        charlie.client.delete(f"{KEYS}{uuid7()}/"),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    assert alice.client.get(KEYS).json()["count"] == 1


@pytest.mark.parametrize("by", ["slug", "id"])
def test_a_stranger_cannot_even_name_an_organisation(
    alice: Person, charlie: Person, by: str
) -> None:
    name = alice.slug if by == "slug" else str(alice.org_id)
    answers = [
        charlie.client.get(KEYS, headers={"X-Organisation": wanted})
        for wanted in (name, "no-such-organisation", str(uuid7()))
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_people_choose_one_of_their_organisations(alice: Person, charlie: Person) -> None:
    Membership.objects.create_for(alice.scope, user_id=charlie.user_id, role=Role.ADMIN)
    forget_callers()
    key_of(alice, "ingest")
    for wanted, count in (("", 0), ("acme", 1), ("ACME", 1), (str(alice.org_id), 1), ("globex", 0)):
        answer = charlie.client.get(KEYS, headers={"X-Organisation": wanted})
        assert answer.json()["count"] == count


def test_an_api_key_stays_in_its_own_organisation(alice: Person, globex_key: str) -> None:
    key_of(alice, "ingest")
    client = client_with(Authorization=f"ApiKey {globex_key}")
    listed = client.get(KEYS, headers={"X-Organisation": alice.slug}).json()
    assert listed["count"] == 1
    grant = find_api_key(globex_key)
    assert grant is not None
    assert [UUID(row["id"]) for row in listed["results"]] == [grant.key_id]


def test_lists_come_in_pages(alice: Person) -> None:
    for number in range(25):
        alice.client.post(KEYS, {"name": f"key {number:02}", "scopes": ["ingest"]})
    first = alice.client.get(KEYS).json()
    assert (first["count"], len(first["results"]), first["previous"]) == (25, 20, None)
    second = alice.client.get(first["next"]).json()
    assert (len(second["results"]), second["next"]) == (5, None)
    assert alice.client.get(second["previous"]).json()["results"] == first["results"]
    names = [row["name"] for row in first["results"] + second["results"]]
    assert len(set(names)) == 25
    found = alice.client.get(KEYS, {"search": "key 07"}).json()
    assert [row["name"] for row in found["results"]] == ["key 07"]
    ordered = alice.client.get(KEYS, {"ordering": "-name", "page_size": "2"}).json()
    assert [row["name"] for row in ordered["results"]] == ["key 24", "key 23"]


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"page": "0"}, 400),
        ({"page": "x"}, 400),
        ({"page": "2"}, 404),
        ({"page": "9" * 30}, 400),
        ({"page_size": "101"}, 400),
        ({"page_size": "\u0663"}, 400),
        ({"ordering": "key_hash"}, 400),
        ({"search": "x" * 201}, 400),
        ({"search": "\0"}, 400),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    alice: Person, parameters: dict[str, str], status: int
) -> None:
    answer = alice.client.get(KEYS, parameters)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


def test_a_known_credential_costs_no_query(
    alice: Person, acme_key: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_with(Authorization=f"ApiKey {acme_key}")
    for asking in (client, alice.client):
        asking.get(KEYS)
        with django_assert_num_queries(2):  # the count and the page
            asking.get(KEYS)


def test_the_last_use_of_a_key_is_noted_now_and_then(alice: Person, acme_key: str) -> None:
    client = client_with(Authorization=f"ApiKey {acme_key}")
    client.get(KEYS)
    first = ApiKey.objects.for_scope(alice.scope).get().last_used_at
    assert first is not None
    forget_callers()
    client.get(KEYS)
    assert ApiKey.objects.for_scope(alice.scope).get().last_used_at == first


def test_an_admin_key_makes_keys_but_an_anonymous_caller_does_not(
    acme_key: str, anonymous: APIClient
) -> None:
    client = client_with(Authorization=f"ApiKey {acme_key}")
    assert client.post(KEYS, {"name": "x", "scopes": ["admin"]}).status_code == 201
    assert anonymous.post(KEYS, {"name": "x", "scopes": ["ingest"]}).status_code == 401


def test_an_organisation_has_a_bounded_number_of_keys(
    alice: Person, charlie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_API_KEYS", 1)
    statuses = [
        person.client.post(KEYS, {"name": "x", "scopes": ["ingest"]}).status_code
        for person in (alice, alice, charlie)
    ]
    assert statuses == [201, 409, 201]


@pytest.mark.parametrize(
    "number",
    ["0", "-1", "1e1", "\u0663", "101", "0000000001000", f"0000000001{'9' * 20}", "9" * 5_000],
)
def test_a_page_is_no_larger_than_allowed_however_its_size_is_written(
    alice: Person, number: str
) -> None:
    for name in ("page_size", "page"):
        answer = alice.client.get(KEYS, {name: number})
        assert answer.status_code == (404 if (name, number) == ("page", "101") else 400)


@pytest.mark.parametrize("depth", [100, 900, 980])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        (KEYS, "name"),
        ("/api/auth/login/", "username"),
        ("/api/auth/refresh/", "refresh"),
        ("/api/v1/users/register/", "email"),
        ("/api/v1/logs/search/", "sort"),
    ],
)
def test_values_nested_very_deep_are_refused(
    alice: Person, path: str, name: str, depth: int
) -> None:
    body = f'{{"{name}":{"[" * depth}{"]" * depth}}}'
    answer = alice.client.generic("POST", path, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "parse_error"
