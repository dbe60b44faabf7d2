"""Registering, the profile and the password, over HTTP."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings
from rest_framework.test import APIClient

from app.audit.selectors import list_audit_entries
from app.core.errors import Invalid
from app.core.ids import OrgId
from app.core.pagination import ListRequest
from app.core.scope import Permission, system_scope
from app.streams.selectors import stream_target
from app.users import services
from app.users.first_admin import ensure_first_admin
from app.users.selectors import find_api_key
from app.users.services import Registration, register
from tests.conftest import PASSWORD, Person, client_with

REGISTER = "/api/v1/users/register/"
PROFILE = "/api/v1/users/profile/"
CHANGE = "/api/v1/users/change-password/"
LOGIN = "/api/auth/login/"
OTHER = "another horse battery staple"


def registration(**changes: str) -> dict[str, str]:
    return {
        "username": "Dora",
        "email": "Dora@Example.com",
        "password": PASSWORD,
        "password2": PASSWORD,
        "first_name": "Dora",
        "last_name": "Doe",
        **changes,
    }


@pytest.mark.django_db
def test_a_new_user_owns_a_new_organisation_and_can_sign_in_at_once(anonymous: APIClient) -> None:
    answer = anonymous.post(REGISTER, registration(organisation="Initech Ltd."))
    assert answer.status_code == 201
    body = answer.json()
    assert {key: body[key] for key in ("username", "email", "first_name", "last_name")} == {
        "username": "Dora",
        "email": "dora@example.com",
        "first_name": "Dora",
        "last_name": "Doe",
    }
    assert set(body) == {"id", "username", "email", "first_name", "last_name", "organisation"}
    assert body["organisation"]["slug"] == "initech-ltd"
    assert body["organisation"]["name"] == "Initech Ltd."
    assert body["organisation"]["role"] == "owner"
    for name in ({"username": "dora"}, {"username": "Dora"}, {"email": "DORA@example.com"}):
        signed_in = anonymous.post(LOGIN, {**name, "password": PASSWORD})
        assert signed_in.status_code == 200
        assert set(signed_in.json()) == {"access", "refresh"}


@pytest.mark.django_db
def test_a_new_organisation_has_its_default_stream_and_its_first_audit_entry(
    anonymous: APIClient,
) -> None:
    answer = anonymous.post(REGISTER, registration(), headers={"X-Request-ID": "r-1"})
    org_id = OrgId(answer.json()["organisation"]["id"])
    target = stream_target(org_id, "default")
    assert target is not None
    assert (target.name, target.retention_class) == ("default", 30)
    assert stream_target(org_id, "nginx") is None
    entries = list_audit_entries(system_scope(org_id, "test"), ListRequest()).items
    assert [(entry.action, entry.request_id, entry.address) for entry in entries] == [
        ("organisation_created", "r-1", "127.0.0.1")
    ]


@pytest.mark.django_db
def test_two_organisations_of_one_name_get_different_slugs(anonymous: APIClient) -> None:
    first = anonymous.post(REGISTER, registration(organisation="Acme"))
    second = anonymous.post(
        REGISTER, registration(username="eve", email="eve@example.com", organisation="Acme")
    )
    slugs = [answer.json()["organisation"]["slug"] for answer in (first, second)]
    assert slugs[0] == "acme"
    assert slugs[1].startswith("acme-")


@pytest.mark.django_db
def test_without_an_organisations_name_it_is_called_like_its_owner(anonymous: APIClient) -> None:
    body = anonymous.post(REGISTER, registration()).json()
    assert body["organisation"]["slug"] == "dora"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"username": "nul\0"}, "username"),
        ({"username": "victim@example.com"}, "username"),
        ({"email": "not an address"}, "email"),
        ({"password": "short", "password2": "short"}, "password"),
        ({"password": "12345678901", "password2": "12345678901"}, "password"),
        ({"password": "password123", "password2": "password123"}, "password"),
        ({"password": "dora@example", "password2": "dora@example"}, "password"),
        ({"password2": "something else"}, "password2"),
    ],
)
@pytest.mark.django_db
def test_what_is_wrong_with_a_registration_is_named(
    anonymous: APIClient, changes: dict[str, str], field: str
) -> None:
    answer = anonymous.post(REGISTER, registration(**changes))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert field in {error["field"] for error in answer.json()["errors"]}


def test_names_and_addresses_are_taken_once_whatever_their_case(
    alice: Person, anonymous: APIClient
) -> None:
    for changes, field in (
        ({"username": "ALICE"}, "username"),
        ({"email": "Alice@EXAMPLE.com"}, "email"),
    ):
        answer = anonymous.post(REGISTER, registration(**changes))
        assert answer.status_code == 400
        assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, "taken")]


@pytest.mark.django_db
def test_registrations_are_limited_for_each_address(
    anonymous: APIClient, settings: Settings
) -> None:
    settings.REGISTRATION_RATE = "2/hour"
    for _ in range(3):
        assert anonymous.post(REGISTER, registration(email="no address")).status_code == 400
    for number in range(2):
        changes = {"username": f"user{number}", "email": f"user{number}@example.com"}
        assert anonymous.post(REGISTER, registration(**changes)).status_code == 201
    refused = anonymous.post(REGISTER, registration())
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert refused.json()["code"] == "registration_throttled"
    elsewhere = anonymous.post(REGISTER, registration(), REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 201


def test_a_profile_shows_who_one_is_and_where_one_belongs(bob: Person) -> None:
    body = bob.client.get(PROFILE).json()
    assert (body["username"], body["email"]) == ("bob", "bob@example.com")
    assert [(o["slug"], o["role"]) for o in body["organisations"]] == [
        ("bobs-own", "owner"),
        ("acme", "viewer"),
    ]


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_profile_can_be_changed(alice: Person, method: str) -> None:
    change = getattr(alice.client, method)
    answer = change(PROFILE, {"first_name": "Alicia", "email": "New@Example.com"})
    assert answer.status_code == 200
    body = alice.client.get(PROFILE).json()
    assert (body["first_name"], body["email"]) == ("Alicia", "new@example.com")
    entries = list_audit_entries(alice.scope, ListRequest()).items
    newest = entries[0]
    assert newest.action == "profile_changed"
    assert newest.before is not None
    assert newest.before["email"] == "alice@example.com"


def test_two_changes_of_a_profile_at_once_both_hold(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = services._check_identity
    others = [{"last_name": "Liddell"}, {"email": "new@example.com"}, {"username": "alicia"}]

    def checked(**facts: Any) -> None:
        check(**facts)
        if others:
            services.update_profile(alice.user_id, changes=others.pop())

    monkeypatch.setattr(services, "_check_identity", checked)
    assert alice.client.patch(PROFILE, {"first_name": "Alice"}).status_code == 200
    body = alice.client.get(PROFILE).json()
    assert (body["username"], body["email"]) == ("alicia", "new@example.com")
    assert (body["first_name"], body["last_name"]) == ("Alice", "Liddell")


def test_a_profile_cannot_take_somebody_elses_name(alice: Person, charlie: Person) -> None:
    answer = alice.client.put(PROFILE, {"email": "charlie@example.com"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "email"
    answer = alice.client.patch(PROFILE, {"username": "Charlie"})
    assert answer.json()["errors"][0]["field"] == "username"


def test_a_profile_is_for_people_who_signed_in(anonymous: APIClient, acme_key: str) -> None:
    assert anonymous.get(PROFILE).status_code == 401
    machine = client_with(Authorization=f"ApiKey {acme_key}")
    assert machine.get(PROFILE).status_code == 403


def test_another_password_ends_all_other_sessions(alice: Person, anonymous: APIClient) -> None:
    elsewhere = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD}).json()
    other = client_with(Authorization=f"Bearer {elsewhere['access']}")
    assert other.get(PROFILE).status_code == 200
    answer = alice.client.post(
        CHANGE, {"old_password": PASSWORD, "new_password": OTHER, "new_password2": OTHER}
    )
    assert answer.status_code == 204
    assert alice.client.get(PROFILE).status_code == 200
    assert other.get(PROFILE).status_code == 401
    refused = anonymous.post("/api/auth/refresh/", {"refresh": elsewhere["refresh"]})
    assert refused.status_code == 401
    own = anonymous.post("/api/auth/refresh/", {"refresh": alice.tokens.refresh})
    assert own.status_code == 200
    for password, status in ((PASSWORD, 401), (OTHER, 200)):
        signed_in = anonymous.post(LOGIN, {"username": "alice", "password": password})
        assert signed_in.status_code == status


@pytest.mark.parametrize(
    ("old", "new", "new2", "field"),
    [
        ("wrong", OTHER, OTHER, "old_password"),
        (PASSWORD, OTHER, "not the same", "new_password2"),
        (PASSWORD, "short", "short", "new_password"),
    ],
)
def test_a_password_change_that_is_wrong_changes_nothing(
    alice: Person, anonymous: APIClient, old: str, new: str, new2: str, field: str
) -> None:
    answer = alice.client.post(
        CHANGE, {"old_password": old, "new_password": new, "new_password2": new2}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    signed_in = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD})
    assert signed_in.status_code == 200


def test_whoever_holds_a_token_cannot_guess_the_password_by_changing_it(
    alice: Person, anonymous: APIClient
) -> None:
    change = {"new_password": OTHER, "new_password2": OTHER}
    for number in range(10):
        guessed = alice.client.post(CHANGE, {"old_password": f"guess {number}", **change})
        assert guessed.status_code == 400
    refused = alice.client.post(CHANGE, {"old_password": PASSWORD, **change})
    assert (refused.status_code, refused.json()["code"]) == (429, "sign_in_throttled")
    # Both ways of guessing count together.
    signed_in = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD})
    assert signed_in.status_code == 429


def test_no_password_or_hash_is_ever_audited(alice: Person) -> None:
    alice.client.post(
        CHANGE, {"old_password": PASSWORD, "new_password": OTHER, "new_password2": OTHER}
    )
    entries = list_audit_entries(alice.scope, ListRequest()).items
    assert "password_changed" in {entry.action for entry in entries}
    assert not any(OTHER in repr(entry) or "md5$" in repr(entry) for entry in entries)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_register_one_name_at_once_one_gets_it() -> None:
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def join(number: int) -> None:
        barrier.wait()
        draft = Registration(username="dora", email=f"dora{number}@example.com", password=PASSWORD)
        try:
            register(draft)
            outcomes.append("registered")
        except Invalid as refused:
            outcomes.append(refused.errors[0].code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=join, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["registered", "taken", "taken", "taken"]


@pytest.mark.django_db(transaction=True)
def test_the_first_administrator_is_made_once() -> None:
    chosen = {"username": "admin", "email": "admin@example.com", "organisation": "default"}
    made = ensure_first_admin(**chosen)
    assert made is not None
    assert ensure_first_admin(**chosen) is None
    signed_in = client_with().post(LOGIN, {"username": "admin", "password": made.password})
    assert signed_in.status_code == 200
    grant = find_api_key(made.ingest_key)
    assert grant is not None
    assert (grant.org_id, grant.permissions) == (made.org_id, frozenset({Permission.INGEST}))
