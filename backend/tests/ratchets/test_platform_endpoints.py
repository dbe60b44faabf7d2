"""Every path of Django's says who may use it and what clients may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIRequestFactory

from app.core.endpoints import Endpoint, PublicEndpoint, Stability
from app.core.scope import Permission
from app.users.org_view import OrgView, PersonView

# The document and its pages come from drf-spectacular; the admin guards itself.
OUTSIDE = ("admin/", "api/schema/", "api/docs/", "api/redoc/")
# Answered without credentials, and nothing else ever: this list is meant to be looked at.
PUBLIC = {
    "",
    ".well-known/jwks.json",
    "api/auth/login/",
    "api/auth/logout/",
    "api/auth/refresh/",
    "api/auth/verify/",
    "api/v1/users/register/",
    "health/",
    "health/live/",
    "health/ready/",
    "metrics",
}


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


ENDPOINTS = [
    (route, callback.view_class)
    for route, callback in routes(get_resolver().url_patterns)
    if not route.startswith(OUTSIDE)
]


def test_there_are_endpoints_to_look_at() -> None:
    assert len(ENDPOINTS) >= 15


@pytest.mark.parametrize(("route", "view"), ENDPOINTS, ids=[route for route, _ in ENDPOINTS])
def test_an_endpoint_declares_its_stability_and_who_may_use_it(
    route: str, view: type[Endpoint]
) -> None:
    assert issubclass(view, Endpoint)
    assert isinstance(view.__dict__.get("stability"), Stability)
    if issubclass(view, OrgView):
        assert isinstance(view.permission, Permission)
    elif issubclass(view, PublicEndpoint):
        assert route in PUBLIC
    else:
        assert issubclass(view, PersonView)


def test_the_list_of_public_endpoints_names_no_others() -> None:
    found = {route for route, view in ENDPOINTS if issubclass(view, PublicEndpoint)}
    assert found == PUBLIC


@pytest.mark.parametrize(
    ("route", "view"),
    [(route, view) for route, view in ENDPOINTS if not issubclass(view, PublicEndpoint)],
)
def test_an_endpoint_that_is_not_public_asks_who_is_there(route: str, view: type[Endpoint]) -> None:
    for method in view().allowed_methods:
        if method != "OPTIONS":
            request = APIRequestFactory().generic(method, f"/{route}")
            assert view.as_view()(request).status_code == 401, (method, route)
