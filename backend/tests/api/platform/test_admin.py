"""The admin: for administrators of the installation only, twenty rows a page."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from app.users.models import User
from tests.conftest import PASSWORD, Person


@pytest.fixture
def root(db: None) -> Client:
    User.objects.create_superuser("root", "root@example.com", PASSWORD)
    client = Client()
    assert client.login(username="root", password=PASSWORD)
    return client


def test_owning_an_organisation_does_not_open_the_admin(alice: Person) -> None:
    client = Client()
    assert client.login(username="alice", password=PASSWORD)
    assert client.get("/admin/").status_code == 302


def test_every_page_of_the_admin_works(root: Client, alice: Person, acme_key: str) -> None:
    assert root.get("/admin/").status_code == 200
    for model, model_admin in admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        listed = root.get(base, {"q": "a"})
        assert listed.status_code == 200, base
        assert model_admin.list_per_page == 20
        row = model._default_manager.first()
        if row is not None:
            assert root.get(f"{base}{row.pk}/change/").status_code == 200, base


def test_the_admin_shows_no_hash_and_cannot_touch_the_audit(
    root: Client, alice: Person, acme_key: str
) -> None:
    key = root.get("/admin/users/apikey/").content.decode()
    assert acme_key[:13] in key
    assert root.get("/admin/audit/auditentry/").status_code == 200
    assert root.get("/admin/audit/auditentry/add/").status_code == 403


def test_signing_in_to_the_admin_is_limited_like_everywhere(root: Client) -> None:
    client = Client()
    assert client.login(username="Root", password=PASSWORD)
    for _ in range(10):
        assert not client.login(username="root", password="wrong")
    assert not client.login(username="root", password=PASSWORD)
    elsewhere = client.post(
        "/api/auth/login/",
        {"username": "root", "password": PASSWORD},
        content_type="application/json",
    )
    assert elsewhere.status_code == 429
