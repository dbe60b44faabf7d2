"""The OpenAPI document and the pages that show it."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from rest_framework.test import APIClient


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    client = APIClient()
    answer = client.get("/api/schema/", {"format": "json"})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_document_names_the_ways_to_sign_in(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {
        "accessToken",
        "apiKey",
        "apiKeyHeader",
    }
    operation = document["paths"]["/api/v1/api-keys/"]["get"]
    assert {"accessToken": []} in operation["security"]
    assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_the_document_shows_the_intake_too(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/logs/"]["post"]
    assert "application/x-ndjson" in operation["requestBody"]["content"]
    assert "default" in operation["responses"]
    assert "post" in document["paths"]["/_bulk"]


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))
    assert not [name for name in names if re.search(r"_\d+$", name)]


# Closing an answer ends its request, which looks after the connections of the thread.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_pages_obey_their_own_content_security_policy(path: str) -> None:
    client = APIClient()
    page = client.get(path)
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    html = page.content.decode()
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert re.findall(r"\son\w+=", html) == []
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert sources
    for source in sources:
        assert source.startswith("/")
        with closing(client.get(source.replace("&amp;", "&"))) as answer:
            assert answer.status_code == 200


def test_every_answer_carries_the_security_headers() -> None:
    answer = APIClient().get("/nothing")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
