"""An organisation of which nobody takes records now is told so; all others are not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from app.journal.refusals import RETRY_AFTER_SECONDS, Refused
from tests.shipping import until
from tests.unit.ingest.edge.server import ACME, ALICES_KEY, CHARLIES_KEY, Served, served

NATIVE = ("/api/v1/logs/", b'{"message":"x"}\n')
BULK = ("/_bulk", b'{"create":{"_index":"a"}}\n{"message":"x"}\n')


def send(edge: Served, key: str, request: tuple[str, bytes]) -> httpx.Response:
    headers = {"X-API-Key": key, "Content-Type": "application/x-ndjson", "User-Agent": "test"}
    headers["Authorization"] = f"ApiKey {key}"
    return edge.post(request[0], content=request[1], headers=headers)


@pytest.mark.parametrize("request_", [NATIVE, BULK])
def test_who_is_refused_comes_back_later(tmp_path: Path, request_: tuple[str, bytes]) -> None:
    with served(tmp_path) as edge:
        assert send(edge, ALICES_KEY, request_).is_success
        refused = Refused(tmp_path)
        refused.say({ACME})
        until(lambda: send(edge, ALICES_KEY, request_).status_code == 503)
        kept = len(edge.lines())
        answer = send(edge, ALICES_KEY, request_)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == str(RETRY_AFTER_SECONDS)
        assert "partition_refuses" in answer.text or "takes no records" in answer.text
        assert len(edge.lines()) == kept
        assert send(edge, CHARLIES_KEY, request_).is_success
        refused.say(set())
        until(lambda: send(edge, ALICES_KEY, request_).is_success)
