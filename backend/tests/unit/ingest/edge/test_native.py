"""`POST /api/v1/logs/` through a real server into a real journal."""

from __future__ import annotations

import httpx

from tests.unit.ingest.edge.server import ACME, Served

PATH = "/api/v1/logs/"
NDJSON = {"Content-Type": "application/x-ndjson"}


def test_ndjson_is_in_the_journal_when_the_answer_comes(edge: Served, alice: httpx.Client) -> None:
    answer = alice.post(PATH, content=b'{"message":"one"}\n{"message":"two"}\n', headers=NDJSON)

    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "quarantined": 0, "rejected": 0, "errors": []}
    (batch,) = edge.batches()
    assert batch.org_id == ACME
    assert batch.protocol == "ndjson"
    assert batch.lines == [b'{"message":"one"}', b'{"message":"two"}']
    assert batch.ids is None


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
