"""`_bulk` through a real server into a real journal."""

from __future__ import annotations

import httpx

from tests.unit.ingest.edge.server import ACME, Served


def test_a_bulk_request_is_in_the_journal_when_the_answer_comes(
    edge: Served, alice: httpx.Client
) -> None:
    body = (
        b'{"create":{"_index":"logs-x","_id":"a"}}\n{"message":"one"}\n'
        b'{"index":{}}\n{"message":"two","id":"mine"}\n'
    )
    answer = alice.post("/logs-app/_bulk", content=body)

    assert answer.status_code == 200
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    (batch,) = edge.batches()
    assert batch.org_id == ACME
    assert batch.protocol == "es_bulk"
    assert batch.lines == [b'{"message":"one"}', b'{"message":"two","id":"mine"}']
    assert batch.ids == ["a", None]
    assert batch.indices == ["logs-x", "logs-app"]
    first, second = answer.json()["items"]
    assert first["create"]["_id"] == "a"
    assert second["index"]["_id"] == batch.id_of(1)
    assert second["index"]["_index"] == "logs-app"
    assert answer.content.startswith(b'{"took":')
    assert b'"errors":false,"items":[{"create":{"_index":"logs-x","_id":"a",' in answer.content
