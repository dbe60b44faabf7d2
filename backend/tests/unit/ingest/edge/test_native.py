"""`POST /api/v1/logs/` through a real server into a real journal."""

from __future__ import annotations

import gzip
import json
import threading
import time
import zlib

import httpx
import pytest
import zstandard
from prometheus_client import REGISTRY

from tests.shipping import until
from tests.unit.ingest.edge.server import ACME, Served

PATH = "/api/v1/logs/"
NDJSON = {"Content-Type": "application/x-ndjson"}


def test_ndjson_is_in_the_journal_when_the_answer_comes(edge: Served, alice: httpx.Client) -> None:
    answer = alice.post(PATH, content=b'{"message":"one"}\n{"message":"two"}\n', headers=NDJSON)

    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"accepted": 2, "quarantined": 0, "rejected": 0, "errors": []}
    (batch,) = edge.batches()
    assert batch.org_id == ACME
    assert batch.protocol == "ndjson"
    assert batch.stream == ""
    assert batch.lines == [b'{"message":"one"}', b'{"message":"two"}']
    assert batch.ids is None
    assert batch.indices is None
    assert abs(batch.received_ns - time.time_ns()) < 60_000_000_000


def test_a_bad_line_is_kept_with_its_reason_and_the_others_go_on(
    edge: Served, alice: httpx.Client
) -> None:
    body = b'{"message":"one"}\n\n{"message":\n[1]\r\n{"n":1e999}\n'
    answer = alice.post(PATH, content=body, headers=NDJSON)

    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 2,
        "quarantined": 2,
        "rejected": 0,
        "errors": [
            {
                "index": 1,
                "code": "invalid_json",
                "detail": "Expecting value at character 11",
                "outcome": "quarantined",
            },
            {
                "index": 2,
                "code": "not_an_object",
                "detail": "a record is a JSON object",
                "outcome": "quarantined",
            },
        ],
    }
    (batch,) = edge.batches()
    assert batch.lines == [b'{"message":"one"}', b'{"message":', b"[1]", b'{"n":1e999}']
    assert batch.bad == {1: "invalid_json", 2: "not_an_object"}


def test_a_record_over_the_limit_is_rejected_alone(edge: Served, alice: httpx.Client) -> None:
    body = b'{"a":1}\n{"a":"%b"}\n' % (b"x" * (1 << 20))
    answer = alice.post(PATH, content=body, headers=NDJSON)

    assert answer.status_code == 202
    report = answer.json()
    assert (report["accepted"], report["quarantined"], report["rejected"]) == (1, 0, 1)
    assert report["errors"][0]["code"] == "record_too_large"
    assert report["errors"][0]["outcome"] == "rejected"
    assert edge.lines() == [b'{"a":1}']


def test_the_list_of_errors_is_bounded_and_says_how_many_are_missing(
    edge: Served, alice: httpx.Client
) -> None:
    report = alice.post(PATH, content=b"bad\n" * 250, headers=NDJSON).json()

    assert report["quarantined"] == 250
    assert len(report["errors"]) == 100
    assert report["errors_omitted"] == 150
    assert len(edge.lines()) == 250


@pytest.mark.parametrize("body", [b"", b"\n\n", b"[]"])
def test_an_empty_body_is_accepted_and_keeps_nothing(
    edge: Served, alice: httpx.Client, body: bytes
) -> None:
    answer = alice.post(PATH, content=body)

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 0
    assert edge.batches() == []


def test_the_path_works_without_its_slash(edge: Served, alice: httpx.Client) -> None:
    assert alice.post("/api/v1/logs", content=b'{"a":1}').status_code == 202
    assert edge.lines() == [b'{"a":1}']


@pytest.mark.parametrize(
    ("content_type", "body", "lines"),
    [
        ("application/json", b'[{"a":1},{"a":2}]', [b'{"a":1}', b'{"a":2}']),
        ("application/json; charset=utf-8", b'{"a":1}', [b'{"a":1}']),
        ("text/plain", b"hello\n", [b'{"message":"hello"}']),
        ("text/plain; charset=iso-8859-1", b"caf\xe9", ['{"message":"café"}'.encode()]),
        ("text/plain;charset=UTF-16", "é".encode("utf-16"), ['{"message":"é"}'.encode()]),
        ("application/x-www-form-urlencoded", b'{"a":1}', [b'{"a":1}']),
        ("application/octet-stream", b"hello", [b'{"message":"hello"}']),
        ("application/jsonlines", b'{"a":1}\n{"a":2}', [b'{"a":1}', b'{"a":2}']),
    ],
)
def test_the_content_type_says_how_a_body_is_read(
    edge: Served, alice: httpx.Client, content_type: str, body: bytes, lines: list[bytes]
) -> None:
    answer = alice.post(PATH, content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 202
    assert edge.lines() == lines


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip", gzip.compress(b'{"a":1}\n', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}\n')),
        ("zstd", zstandard.compress(b'{"a":1}\n')),
        ("gzip, zstd", zstandard.compress(gzip.compress(b'{"a":1}\n', mtime=0))),
        ("identity", b'{"a":1}\n'),
    ],
)
def test_encoded_bodies_are_decoded(
    edge: Served, alice: httpx.Client, header: str, body: bytes
) -> None:
    answer = alice.post(PATH, content=body, headers={**NDJSON, "Content-Encoding": header})

    assert answer.status_code == 202
    assert edge.lines() == [b'{"a":1}']


def test_a_large_body_goes_in_as_several_entries_with_one_run_of_ids(
    edge: Served, alice: httpx.Client
) -> None:
    lines = [b'{"n":%d,"pad":"%b"}' % (n, b"x" * 1000) for n in range(20_000)]
    body = gzip.compress(b"\n".join(lines), 1)
    answer = alice.post(PATH, content=body, headers={**NDJSON, "Content-Encoding": "gzip"})

    assert answer.json()["accepted"] == 20_000
    assert edge.lines() == lines
    batches = edge.batches()
    assert len(batches) == 3
    assert batches[1].first_id == batches[0].first_id + len(batches[0].lines)
    assert batches[2].first_id == batches[1].first_id + len(batches[1].lines)


def test_the_asked_stream_goes_along(edge: Served, alice: httpx.Client) -> None:
    assert alice.post(PATH, params={"stream": "web é"}, content=b"{}").status_code == 202
    assert [batch.stream for batch in edge.batches()] == ["web é"]


@pytest.mark.parametrize(
    ("parameters", "headers", "body", "status", "code"),
    [
        ({}, {"Content-Type": "application/xml"}, b"<a/>", 415, "unsupported_media_type"),
        ({}, {"Content-Type": "text/plain; charset=koi8-r"}, b"x", 415, "unsupported_media_type"),
        ({}, {"Content-Encoding": "br"}, b"x", 415, "unsupported_encoding"),
        ({}, {"Content-Encoding": "gzip"}, b"not gzip", 400, "invalid_encoding"),
        ({}, {"Content-Type": "application/json"}, b'[{"a":1}', 400, "invalid_json"),
        ({}, {"Content-Type": "text/plain; charset=utf-16"}, b"odd", 400, "invalid_charset"),
        ({"stream": "x" * 256}, {}, b"{}", 400, "invalid_stream"),
        ({"wait_for": "tea"}, {}, b"{}", 400, "invalid_wait_for"),
    ],
)
def test_a_request_that_cannot_be_read_is_a_problem_and_keeps_nothing(
    edge: Served,
    alice: httpx.Client,
    parameters: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    status: int,
    code: str,
) -> None:
    answer = alice.post(PATH, params=parameters, content=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert edge.batches() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods_are_told_what_is_possible(alice: httpx.Client, method: str) -> None:
    answer = alice.request(method, PATH)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_sane_request_id_comes_back_and_others_are_replaced(alice: httpx.Client) -> None:
    sane = alice.post(PATH, headers={"X-Request-ID": "abc-123"})
    wild = alice.post(PATH, headers={"X-Request-ID": "abc 123 <script>"})

    assert sane.headers["x-request-id"] == "abc-123"
    assert "script" not in wild.headers["x-request-id"]
    assert len(wild.headers["x-request-id"]) == 36


def test_waiting_until_indexed_ends_when_the_shipper_is_there(
    edge: Served, alice: httpx.Client
) -> None:
    number = edge.after + 1

    def ship() -> None:
        until(lambda: edge.journal.state().last_number >= number)
        edge.journal.mark_shipped(number)

    shipper = threading.Thread(target=ship)
    shipper.start()
    answer = alice.post(PATH, params={"wait_for": "indexed"}, content=b'{"a":1}')
    shipper.join()

    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "quarantined": 0,
        "rejected": 0,
        "errors": [],
        "indexed": True,
    }


def test_nothing_to_keep_is_indexed_at_once(alice: httpx.Client) -> None:
    assert alice.post(PATH, params={"wait_for": "indexed"}).json()["indexed"] is True


def test_what_was_taken_is_counted(alice: httpx.Client) -> None:
    def count(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, {"protocol": "ndjson", **labels}) or 0

    def counts() -> list[float]:
        outcomes = ("accepted", "quarantined", "rejected")
        return [
            count("elkv_ingest_requests_total", status="202"),
            count("elkv_ingest_bytes_total"),
            *(count("elkv_ingest_records_total", outcome=outcome) for outcome in outcomes),
        ]

    before = counts()
    alice.post(PATH, content=b'{}\n{"a":1}\nbad\n' + b"x" * (2 << 20), headers=NDJSON)
    # The answer is counted before it is sent.
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 12, 2, 1, 1]


def test_several_requests_on_one_connection_are_answered_in_order(edge: Served) -> None:
    with edge.client() as client:
        refused = client.post(PATH, content=b"x" * 3_000_000, headers={"X-API-Key": "elkv_no"})
        taken = client.post(
            PATH, content=b'{"a":1}', headers={"X-API-Key": "elkv_alice_0123456789abcdef"}
        )

    assert refused.status_code == 401
    assert json.loads(taken.content)["accepted"] == 1
