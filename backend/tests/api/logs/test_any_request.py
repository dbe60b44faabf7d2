"""Whatever is sent, the answer is an answer or says what is wrong: never a bug of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.api.logs.conftest import Shelf
from tests.conftest import Person

NAMES = st.sampled_from(
    [
        *(
            "q",
            "from",
            "to",
            "stream",
            "sort",
            "page_size",
            "cursor",
            "timeout_ms",
            "buckets",
            "by",
        ),
        *(
            "field",
            "prefix",
            "size",
            "limit",
            "id",
            "before",
            "after",
            "raw",
            "group_by",
            "metrics",
        ),
    ]
)
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["", "now", "now-1d/d", "level:error", "a AND (", "/x+/", "message", "level", "@timestamp", "0"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
PARTS = st.dictionaries(
    st.sampled_from(["field", "size", "interval", "fn", "as", "x"]),
    SCALARS | st.sampled_from(["count", "sum", "p95", "5m", "latency_ms"]),
    max_size=3,
)
BODIES = st.dictionaries(NAMES, SCALARS | st.lists(PARTS | SCALARS, max_size=3), max_size=5)
GETS = (
    *("logs/search/", "logs/histogram/", "logs/fields/", "logs/fields/values/", "logs/record/"),
    *("quarantine/", "logs/{}/", "logs/{}/context/", "logs/fields/{}/values/", "quarantine/{}/"),
)
POSTS = ("logs/search/", "logs/aggregate/", "logs/validate/", "quarantine/{}/replay/")

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def acme(alice: Person, shelf: Shelf) -> Person:
    """Alice, with a few records."""
    for index in range(3):
        shelf.put_record(
            alice.scope, "timeout", level="error", attributes={"latency_ms": index, "x": ["a", 1]}
        )
    return alice


def check(answer: Any) -> None:
    assert answer.status_code in (200, 202, 301, 400, 404, 405, 409, 422), answer.content
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["code"]
        assert problem["detail"]


@quick
@given(path=st.sampled_from(GETS), segment=TEXTS, asked=st.dictionaries(NAMES, TEXTS, max_size=5))
@example(path="logs/{}/", segment="\0", asked={})
@example(path="logs/search/", segment="", asked={"stream": "\0", "page_size": "\u0663"})
def test_any_address_is_answered(
    acme: Person, path: str, segment: str, asked: dict[str, str]
) -> None:
    place = path.format(quote(segment, safe=""))
    check(acme.client.get(f"/api/v1/{place}", asked))


@quick
@given(path=st.sampled_from(POSTS), segment=TEXTS, body=BODIES | SCALARS | st.lists(SCALARS))
@example(path="logs/search/", segment="", body={"from": 10**17, "to": -(10**17)})
@example(path="logs/aggregate/", segment="", body={"metrics": [{"fn": "p\u0661", "field": "x"}]})
def test_any_body_is_answered(acme: Person, path: str, segment: str, body: Any) -> None:
    place = path.format(quote(segment, safe=""))
    check(acme.client.post(f"/api/v1/{place}", body, format="json"))


LONG = ("x" * 900, "x" * 40_000, "é" * 512, "🦊" * 256, "🦊" * 512, "🦊" * 8_190, "x." * 450)


@pytest.mark.parametrize("text", LONG, ids=lambda text: f"{len(text)}{text[0]}")
def test_what_is_long_is_answered(acme: Person, text: str) -> None:
    for place in (path for path in GETS if "{}" in path):
        check(acme.client.get(f"/api/v1/{place.format(quote(text, safe=''))}"))
    check(acme.client.post(f"/api/v1/quarantine/{quote(text, safe='')}/replay/", {}, format="json"))
    for name, place in (("by", "histogram/"), ("field", "fields/values/"), ("id", "record/")):
        check(acme.client.get(f"/api/v1/logs/{place}", {name: text}))
    for field in ("level", "x", "service"):
        check(acme.client.get("/api/v1/logs/fields/values/", {"field": field, "prefix": text}))
    for query in (
        *("{}", '"{}"', "{}*", "{}:*", "NOT {}:*", "{}:1", "{}:>1", "{}:>b", "{} != 1", "{}:a*"),
        *("f:{}", "f:>={}", "f:[* TO {}}}", "f:{}*", "f:?{}", "service:<{}", "id:{}", "id:>{}"),
        *("stream:{}", "trace_id:{}", "logger:{{a TO {}}}", "message:/{}/", "f:/{}/"),
    ):
        check(acme.client.post("/api/v1/logs/search/", {"q": query.format(text)}, format="json"))
    table = {"group_by": [{"field": text}], "metrics": [{"fn": "sum", "field": text, "as": text}]}
    check(acme.client.post("/api/v1/logs/aggregate/", table, format="json"))
