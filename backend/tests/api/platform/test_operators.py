"""An object where a text belongs is refused: it never becomes an operator of the database."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from app.users.models import ApiKey, User
from tests.conftest import PASSWORD, Person

OPERATORS: list[Any] = [
    {"$ne": ""},
    {"$gt": ""},
    {"$regex": ".*"},
    {"$exists": True},
    {"$in": ["alice"]},
    [{"$ne": ""}],
    {"$where": "true"},
]


@pytest.mark.parametrize("operator", OPERATORS)
def test_nobody_signs_in_by_an_operator(alice: Person, anonymous: APIClient, operator: Any) -> None:
    for login in (
        {"username": operator, "password": operator},
        {"username": "alice", "password": operator},
        {"username": operator, "password": PASSWORD},
        {"email": operator, "password": PASSWORD},
    ):
        assert anonymous.post("/api/auth/login/", login).status_code == 400
    for path in ("/api/auth/refresh/", "/api/auth/logout/", "/api/auth/verify/"):
        answer = anonymous.post(path, {"refresh": operator, "token": operator})
        assert answer.status_code in {400, 401}, path


@pytest.mark.parametrize("operator", OPERATORS)
def test_nothing_is_made_or_changed_by_an_operator(alice: Person, operator: Any) -> None:
    for field in ("username", "email", "first_name"):
        answer = alice.client.patch("/api/v1/users/profile/", {field: operator})
        assert answer.status_code == 400, field
    for draft in (
        {"name": operator, "scopes": ["ingest"]},
        {"name": "a", "scopes": operator},
        {"name": "a", "scopes": [operator]},
        {"name": "a", "scopes": ["ingest"], "expires_at": operator},
    ):
        assert alice.client.post("/api/v1/api-keys/", draft).status_code == 400, draft
    assert not ApiKey.objects.for_scope(alice.scope).exists()
    assert User.objects.get(pk=alice.user_id).email == "alice@example.com"


@pytest.mark.parametrize(
    "parameters",
    [
        {"search[$ne]": "x"},
        {"search": '{"$ne": "x"}'},
        {"search": ".*"},
        {"organisation": '{"$ne": ""}'},
        {"name__regex": ".*"},
    ],
)
def test_a_parameter_widens_no_list(
    alice: Person, charlie: Person, acme_key: str, globex_key: str, parameters: dict[str, str]
) -> None:
    answer = charlie.client.get("/api/v1/api-keys/", parameters)
    shown = answer.json().get("results", []) if answer.status_code == 200 else []
    assert all(row["prefix"] == globex_key[: len(row["prefix"])] for row in shown)
    # A pattern is a text like any other: no name has it in it.
    if "search" in parameters:
        assert shown == []


@pytest.mark.parametrize("header", ['{"$ne": ""}', "$ne", "[$ne]"])
def test_no_organisation_is_chosen_by_an_operator(alice: Person, bob: Person, header: str) -> None:
    answer = bob.client.get("/api/v1/api-keys/", headers={"X-Organisation": header})
    assert answer.status_code in {400, 403, 404}
