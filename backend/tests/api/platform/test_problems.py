"""Whatever goes wrong, the answer is a problem with the request's id, and never a stack trace."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpRequest
from rest_framework.test import APIClient

from app.core.exception_handler import answer_500, find_problem
from app.core.request_context import RequestContext, answering
from app.core.tenancy import TenantManager
from app.users.models import ApiKey
from tests.conftest import PASSWORD, Person

LOGIN = "/api/auth/login/"
MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:elk-vision:problem:{code}"
    assert body["request_id"] == answer["X-Request-ID"]
    assert "Traceback" not in answer.content.decode()
    return body


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing/", "/api/v1/api-keys/not-an-id/"])
def test_a_path_with_nothing_behind_it(anonymous: APIClient, path: str) -> None:
    problem(anonymous.get(path), 404, "not_found")


def test_a_method_that_is_not_there(anonymous: APIClient) -> None:
    answer = anonymous.get(LOGIN)
    problem(answer, 405, "method_not_allowed")
    assert "POST" in answer["Allow"]


@pytest.mark.parametrize("path", [LOGIN, "/health/live/", "/api/v1/logs/search/"])
def test_what_is_allowed_works(alice: Person, path: str) -> None:
    answer = alice.client.options(path)
    problem(answer, 405, "method_not_allowed")
    allowed = answer["Allow"].split(", ")
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        status = alice.client.generic(method, path).status_code
        assert (status != 405) == (method in allowed), method


def test_a_body_that_is_not_json(anonymous: APIClient) -> None:
    for body in (b"{", b"\xff", b"[" * 5000, b'{"a":1}x', b""):
        answer = anonymous.post(LOGIN, body, content_type="application/json")
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
    deep = anonymous.post(LOGIN, b"[" * 100_000, content_type="application/json")
    problem(deep, 400, "parse_error")


def test_a_body_of_another_kind(anonymous: APIClient) -> None:
    answer = anonymous.post(LOGIN, b"a=b", content_type="application/x-www-form")
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.django_db
def test_all_fields_that_are_wrong_are_named_at_once(anonymous: APIClient) -> None:
    body = problem(anonymous.post("/api/v1/users/register/", {"email": "x"}), 400, "invalid")
    assert {error["field"] for error in body["errors"]} >= {"username", "email", "password"}
    assert all(set(error) == {"field", "code", "detail"} for error in body["errors"])


def test_a_database_that_does_not_answer_is_a_503(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise OperationalError("unable to open database file /secret/path")

    monkeypatch.setattr(TenantManager, "for_scope", broken)
    answer = alice.client.get("/api/v1/api-keys/")
    body = problem(answer, 503, "database_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert "secret" not in str(body)


def test_a_bug_of_ours_tells_nothing(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(TenantManager, "for_scope", broken)
    body = problem(alice.client.get("/api/v1/api-keys/"), 500, "internal_error")
    assert "secret" not in str(body)


def test_asking_without_a_scope_is_a_bug_and_answered_like_one(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        TenantManager, "for_scope", lambda self, _scope: ApiKey.objects.filter(name="x")
    )
    problem(alice.client.get("/api/v1/api-keys/"), 500, "internal_error")


def _fail() -> None:
    raise OperationalError("no")


def test_errors_outside_of_views_are_problems_too() -> None:
    with answering(RequestContext("r-1")):
        try:
            _fail()
        except OperationalError:
            answer = answer_500(HttpRequest())
    assert answer.status_code == 503
    assert b'"request_id":"r-1"' in answer.content
    assert find_problem(None) is None
    assert find_problem(ZeroDivisionError()) is None


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_as_a_problem() -> None:
    client = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
    answer = client.post("/admin/login/", {"username": "a", "password": PASSWORD}, "multipart")
    problem(answer, 403, "csrf")


@pytest.mark.parametrize("sent", ["abc-1", "0af7651916cd43dd8448eb211c80319c"])
def test_a_request_keeps_the_id_that_it_came_with(anonymous: APIClient, sent: str) -> None:
    assert anonymous.get("/nothing", headers={"X-Request-ID": sent})["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "<script>", "é", "-x"])
def test_an_id_that_is_not_fit_for_logs_is_replaced(anonymous: APIClient, sent: str) -> None:
    answered = anonymous.get("/nothing", headers={"X-Request-ID": sent})["X-Request-ID"]
    assert answered != sent
    assert len(answered) == 36


@pytest.mark.parametrize("accept", ["text/html", "text/plain", "application/openmetrics-text"])
def test_whoever_asks_for_another_form_gets_the_one_there_is(
    anonymous: APIClient, accept: str
) -> None:
    answer = anonymous.get("/health/live/", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("path", ["/health/live/", "/.well-known/jwks.json"])
def test_a_form_that_there_is_not_is_an_unknown_parameter(anonymous: APIClient, path: str) -> None:
    for form in ("api", "csv", "", "\0"):
        answer = anonymous.get(path, {"format": form})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert anonymous.get("/api/schema/", {"format": "json"}).json()["openapi"] == "3.1.0"
    assert anonymous.get("/api/schema/", {"format": "csv"}).status_code == 200


def test_a_browser_is_led_to_the_documentation(anonymous: APIClient) -> None:
    answer = anonymous.get("/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Location"]) == (302, "/api/docs/")
