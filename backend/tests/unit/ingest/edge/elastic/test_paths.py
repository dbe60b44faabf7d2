"""Elasticsearch's paths: which requests are for them, and errors in its own form."""

from __future__ import annotations

import httpx
import pytest

from app.ingest.edge.elastic.cluster import Cluster, banner
from app.ingest.edge.elastic.paths import is_elastic, path_names, prefers_html
from tests.unit.ingest.edge.server import Served

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
BULK = b'{"create":{}}\n{"n":1}\n'


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/vnd.elasticsearch+json; compatible-with=8",
        "application/json, text/html;q=0.9",
        "application/json, text/html",
        "text/html;q=0, */*",
        "text/html;q=nonsense",
    ],
)
def test_a_client_prefers_json(accept: str) -> None:
    assert not prefers_html(accept)
    assert is_elastic("GET", (), accept)


@pytest.mark.parametrize(
    "accept", [BROWSER, "text/html", "text/html, */*", "application/json;q=0.5, TEXT/HTML"]
)
def test_a_browser_prefers_a_page(accept: str) -> None:
    assert prefers_html(accept)
    assert not is_elastic("GET", (), accept)
    assert not is_elastic("HEAD", ("dashboards",), accept)


def is_for_the_intake(request_line: str) -> bool:
    method, path = request_line.split()
    return is_elastic(method, path_names({"raw_path": path.encode()}), "")


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /",
        "HEAD /",
        "POST /_bulk",
        "PUT /_bulk/",
        "POST //_bulk",
        "POST /logs-x/_bulk",
        "POST /logs-x/doc/_bulk",
        "GET /_license",
        "GET /_anything",
        "GET /logs-x/_search",
        "HEAD /logs-x",
        "PUT /%3Clogs-%7Bnow%2Fd%7D%3E",
    ],
)
def test_elasticsearchs_paths_are_for_the_intake(request_line: str) -> None:
    assert is_for_the_intake(request_line)


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /",
        "GET /logs-x",
        "POST /logs-x",
        "GET /logs-x/other",
        "PUT /api",
        "POST /api/_bulk",
        "POST /v1/logs",
        "HEAD /metrics",
        "HEAD /health",
        "PUT /static/_bulk",
        "HEAD /.well-known/jwks.json",
    ],
)
def test_our_own_paths_are_never_names_of_indices(request_line: str) -> None:
    assert not is_for_the_intake(request_line)


@pytest.mark.parametrize(
    ("user_agent", "version"),
    [
        ("", "8.19.0"),
        ("curl/8.5.0", "8.19.0"),
        ("Elastic-Filebeat/7.17.22 (linux; amd64)", "7.17.22"),
        ("Elastic-Metricbeat-FIPS/9.1.0 (linux)", "9.1.0"),
        ("Elastic-x/1.2", "8.19.0"),
    ],
)
def test_beats_are_told_their_own_version(user_agent: str, version: str) -> None:
    shown = banner(Cluster.of_installation("x"), user_agent)

    assert shown["version"]["number"] == version
    assert shown["cluster_uuid"] == Cluster.of_installation("x").uuid
    assert shown["cluster_uuid"] != Cluster.of_installation("y").uuid


def test_the_banner_needs_no_key(edge: Served) -> None:
    with edge.client() as client:
        shown, head = client.get("/"), client.head("/")

    assert shown.json()["tagline"] == "You Know, for Search"
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(shown.content))
    assert head.headers["x-elastic-product"] == "Elasticsearch"


@pytest.mark.parametrize(
    "request_line",
    ["GET /_license", "GET /_cluster/health", "HEAD /logs", "PUT /_template/x", "GET /_nope"],
)
def test_everything_else_needs_one(edge: Served, request_line: str) -> None:
    with edge.client() as client:
        answer = client.request(*request_line.split())

    assert answer.status_code == 401
    assert answer.headers["x-elastic-product"] == "Elasticsearch"


@pytest.mark.parametrize(
    "path",
    [
        "/_license",
        "/_license/",
        "/_xpack",
        "/_cluster/health",
        "/_cluster/health/logs-x?timeout=5s",
        "/_cat/health",
        "/_nodes",
        "/_nodes/http",
        "/_nodes/_local/http",
        "/_index_template",
        "/_template/*",
        "/_ilm/policy",
        "/_ingest/pipeline/",
    ],
)
def test_what_shippers_ask_is_answered_with_and_without_a_slash(
    alice: httpx.Client, path: str
) -> None:
    for answer in (alice.get(path), alice.head(path)):
        assert answer.status_code == 200
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("request_line", "status", "error_type"),
    [
        ("GET /_bulk", 405, "method_not_allowed_exception"),
        ("POST /_license", 405, "method_not_allowed_exception"),
        ("PUT /_template", 405, "method_not_allowed_exception"),
        ("GET /_search", 400, "illegal_argument_exception"),
        ("GET /logs-x/_search", 400, "illegal_argument_exception"),
        ("GET /_index_template/nope", 404, "resource_not_found_exception"),
        ("DELETE /_index_template/nope", 404, "resource_not_found_exception"),
        ("HEAD /nope", 404, ""),
        ("GET /_alias/nope", 404, "resource_not_found_exception"),
        ("PUT /nope", 404, "index_not_found_exception"),
    ],
)
def test_errors_have_elasticsearchs_form(
    alice: httpx.Client, request_line: str, status: int, error_type: str
) -> None:
    answer = alice.request(*request_line.split())

    assert answer.status_code == status
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    if error_type:
        body = answer.json()
        assert body["status"] == status
        assert body["error"]["type"] == error_type
        assert body["error"]["root_cause"] == [
            {"type": error_type, "reason": body["error"]["reason"]}
        ]


@pytest.mark.parametrize(
    ("content", "status", "error_type"),
    [
        (b"", 400, "parse_exception"),
        (BULK[:-1], 400, "illegal_argument_exception"),
        (b"[]\n", 400, "illegal_argument_exception"),
        (b"\n", 400, "action_request_validation_exception"),
    ],
)
def test_a_bulk_request_that_cannot_be_read_keeps_nothing(
    edge: Served, alice: httpx.Client, content: bytes, status: int, error_type: str
) -> None:
    answer = alice.post("/x/_bulk", content=content)

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == error_type
    assert edge.batches() == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=UTF-8", 200),
        ("application/x-ndjson", 200),
        ("application/vnd.elasticsearch+x-ndjson; compatible-with=9", 200),
        ("application/vnd.elasticsearch+json;compatible-with=8", 200),
        ("text/plain", 406),
        ("application/x-www-form-urlencoded", 406),
    ],
)
def test_bulk_takes_elasticsearchs_content_types(
    alice: httpx.Client, content_type: str, status: int
) -> None:
    answer = alice.post("/x/_bulk", content=BULK, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert answer.json().get("status", 200) == status


def test_unknown_parameters_are_ignored_and_the_stream_is_not(
    edge: Served, alice: httpx.Client
) -> None:
    parameters = {"pipeline": "p", "refresh": "false", "timeout": "1m", "what": "", "stream": "web"}

    assert alice.put("/x/_bulk/", params=parameters, content=BULK).status_code == 200
    assert [batch.stream for batch in edge.batches()] == ["web"]


def test_a_bad_source_is_taken_into_quarantine(edge: Served, alice: httpx.Client) -> None:
    answer = alice.post("/x/_bulk", content=BULK + b'{"create":{"_id":"b"}}\n{"n":\n')

    assert answer.json()["errors"] is False
    assert [item["create"]["status"] for item in answer.json()["items"]] == [201, 201]
    (batch,) = edge.batches()
    assert batch.bad == {1: "invalid_json"}
    assert batch.ids == [None, "b"]


def test_nothing_but_item_errors_is_answered_with_all_items(
    edge: Served, alice: httpx.Client
) -> None:
    answer = alice.post("/x/_bulk", content=b'{"delete":{"_id":"a"}}\n')

    assert answer.status_code == 200
    assert b'"errors":true' in answer.content
    assert len(answer.json()["items"]) == 1
    assert edge.batches() == []


def test_refreshing_waits_for_the_shipper(edge: Served, alice: httpx.Client) -> None:
    edge.journal.mark_shipped(edge.after + 1)

    assert alice.post("/x/_bulk?refresh=wait_for", content=BULK).status_code == 200
    assert len(edge.lines()) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "the body is not JSON"),
        (b"[1]", "the body is not a JSON object"),
    ],
)
def test_a_declaration_is_a_json_object(alice: httpx.Client, body: bytes, reason: str) -> None:
    answer = alice.put("/_template/x", content=body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]["reason"]


def test_a_declaration_has_limits(alice: httpx.Client) -> None:
    large = alice.put("/_template/x", json={"pad": "x" * (256 * 1024)})
    long = alice.put("/_template/" + "x" * 256, json={})

    assert (large.status_code, long.status_code) == (413, 400)
    assert alice.get("/_template/x").status_code == 404


def test_names_are_found_by_lists_and_patterns_and_deleted(alice: httpx.Client) -> None:
    for name in ("aa", "ab", "b[1]"):
        assert alice.put(f"/_template/{name}", json={"order": 1}).json() == {"acknowledged": True}

    assert set(alice.get("/_template/a*").json()) == {"aa", "ab"}
    assert set(alice.get("/_template/aa,b[1],nope").json()) == {"aa", "b[1]"}
    assert set(alice.get("/_template").json()) == {"aa", "ab", "b[1]"}
    for name in ("aa", "ab", "b[1]"):
        assert alice.delete(f"/_template/{name}").status_code == 200
    assert alice.get("/_template/a*").json() == {}


def test_an_index_is_accepted_when_a_template_or_a_list_names_it(alice: httpx.Client) -> None:
    assert alice.put("/mine-1", json={}).status_code == 404
    template = {
        "index_patterns": ["mine-*"],
        "template": {"settings": {"index.lifecycle.rollover_alias": "mine"}},
    }
    alice.put("/_index_template/mine", json=template)
    created = alice.put("/mine-1", json={"aliases": {"write": {}}})

    assert created.json() == {"acknowledged": True, "shards_acknowledged": True, "index": "mine-1"}
    assert [alice.head(f"/{name}").status_code for name in ("mine-1", "write", "mine")] == [
        200,
        200,
        404,
    ]
    assert alice.put("/mine").status_code == 200
    assert alice.get("/_alias/mine").json() == {"mine": {"aliases": {"mine": {}}}}
    assert alice.put("/filebeat-8.13.4").status_code == 200
    dated = alice.put("/%3Cmine-%7Bnow%2FM%7Byyyy.MM%7D%7D-1%3E").json()["index"]
    assert len(dated) == len("mine-2026.11-1")
    assert dated.startswith("mine-20")
