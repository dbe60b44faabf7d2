"""Registering, the profile and the password, over HTTP."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests.conftest import PASSWORD

REGISTER = "/api/v1/users/register/"
PROFILE = "/api/v1/users/profile/"
CHANGE = "/api/v1/users/change-password/"
LOGIN = "/api/auth/login/"


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
    assert body["organisation"]["slug"] == "initech-ltd"
    assert body["organisation"]["name"] == "Initech Ltd."
    assert body["organisation"]["role"] == "owner"
    assert "password" not in answer.content.decode()
    for name in ({"username": "dora"}, {"username": "Dora"}, {"email": "DORA@example.com"}):
        signed_in = anonymous.post(LOGIN, {**name, "password": PASSWORD})
        assert signed_in.status_code == 200
        assert set(signed_in.json()) == {"access", "refresh"}
