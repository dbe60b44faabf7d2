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


@pytest.mark.parametrize(
    ("lookup", "value"),
    [("__year", "-1"), ("__year", "9" * 30), ("__regex", "["), ("__range", "x"), ("__in", "")],
)
def test_a_list_is_narrowed_by_its_filters_alone(
    root: Client, alice: Person, acme_key: str, lookup: str, value: str
) -> None:
    root.raise_request_exception = False
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for column in model._meta.fields:
            refused = root.get(base, {f"{column.name}{lookup}": value})
            assert refused.status_code == 400, (base, column.name)
            assert refused["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("parameter", "status"),
    [
        ("is_active__exact=x", 302),
        ("is_active__isnull=x", 200),
        ("is_active=%00", 302),
        ("q=%00", 200),
        ("p=-1", 200),
        ("p=99999999999999999999999999", 200),
        ("o=99.-x", 200),
        ("_to_field=x", 400),
    ],
)
def test_odd_parameters_of_a_list_are_no_error_of_ours(
    root: Client, parameter: str, status: int
) -> None:
    root.raise_request_exception = False
    assert root.get(f"/admin/users/user/?{parameter}").status_code == status


def test_rows_that_cannot_be_are_not_chosen(root: Client, alice: Person) -> None:
    root.raise_request_exception = False
    chosen = {"action": "delete_selected", "_selected_action": ["x", "\0"]}
    answer = root.post("/admin/users/user/", chosen)
    assert answer.status_code == 400
    assert User.objects.filter(login_name="alice").exists()


def test_the_filters_that_a_list_offers_work(root: Client, alice: Person) -> None:
    found = root.get("/admin/users/user/", {"is_superuser__exact": "1"}).content.decode()
    assert "root@example.com" in found
    assert "alice@example.com" not in found
    shown = root.get("/admin/audit/auditentry/", {"action": "organisation_created"})
    assert "1 audit entry" in shown.content.decode()


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
