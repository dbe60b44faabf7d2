"""JOURNAL_MODE=through: several web processes, no disk, an Elasticsearch that is killed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest

from tests.elasticsearch_server import ElasticsearchServer
from tests.process.deployment import Services
from tests.process.programs import (
    GUNICORN,
    Program,
    WebProgram,
    answers,
    environment_of,
    manage,
    wait_until,
)
from tests.process.senders import Senders, marks
from tests.process.service import Tenant, join, report

SEED = 7
# The writer's own patience, a request, and a group before it.
REFUSED_SECONDS = 10.0


@dataclass
class Through:
    """The web processes, what they write to, and somebody with a key."""

    web: WebProgram
    elastic: ElasticsearchServer
    tenant: Tenant


@pytest.fixture(scope="module")
def through(
    killable_services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Through]:
    elastic = killable_services.elastic
    environment = environment_of(
        tmp_path_factory.mktemp("through"),
        ELASTICSEARCH_HOSTS=elastic.url,
        ELASTICSEARCH_INDEX_PREFIX=f"t{os.urandom(4).hex()}",
        JOURNAL_MODE="through",
        SHUTDOWN_DELAY_SECONDS="0",
    )
    web = WebProgram(GUNICORN, {**environment, "WEB_CONCURRENCY": "2"})
    try:
        manage(environment, "migrate", "--verbosity", "0")
        web.start()
        web.wait_until_answering()
        yield Through(web, elastic, join(web.url, "Acme"))
    finally:
        web.close()
        report(web.told[-3000:])


def test_what_is_acknowledged_is_found_at_once(through: Through) -> None:
    with through.tenant.client() as client:
        for number in range(10):
            line = orjson.dumps({"message": "at once", "nth": number})
            assert client.post("/api/v1/logs/", content=line).status_code == 202
            found = through.tenant.search(client, f"nth:{number}", page_size=1)
            assert found["total"]["value"] == 1
    assert through.tenant.send([b'{"message":"waited for"}'])["indexed"] is True


def test_there_is_no_journal_and_no_shipper_to_ask_about(through: Through) -> None:
    checks = httpx.get(f"{through.web.url}/health/", timeout=60).json()["checks"]
    assert {"database", "elasticsearch"} < set(checks)
    assert {"journal", "shipper"}.isdisjoint(checks)
    data_dir = Path(through.web.environment["DATA_DIR"])
    assert not (data_dir / "journal").exists()


def test_the_same_records_brought_by_many_at_once_are_stored_once(through: Through) -> None:
    lines = [orjson.dumps({"id": f"same-{n}", "message": "same", "n": n}) for n in range(200)]
    accepted: list[int] = []

    def bring() -> None:
        with through.tenant.client() as client:
            for start in range(0, 200, 40):
                body = b"\n".join(lines[start : start + 40])
                answer = client.post("/api/v1/logs/", content=body)
                accepted.append(answer.status_code)

    threads = [threading.Thread(target=bring) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(accepted) == {202}
    assert through.tenant.count("message:same") == 200


def test_a_quarantined_line_is_repaired_and_sent_again_without_a_journal(through: Through) -> None:
    told = through.tenant.send([b'{"message": "half a li'])
    assert (told["quarantined"], told["indexed"]) == (1, True)
    with httpx.Client(
        base_url=through.web.url,
        headers={"Authorization": f"Bearer {through.tenant.access}", "X-Organisation": "acme"},
        timeout=60,
    ) as person:
        (entry,) = person.get("/api/v1/quarantine/").json()["hits"]
        replayed = person.post(
            f"/api/v1/quarantine/{entry['id']}/replay/?wait_for=indexed",
            json={"raw": '{"message": "a whole repaired line"}'},
        )
    assert replayed.status_code == 202, replayed.text
    assert replayed.json()["indexed"] is True
    assert through.tenant.count('"a whole repaired line"') == 1


def test_a_store_that_is_killed_loses_nothing_acknowledged(through: Through) -> None:
    senders = Senders(through.tenant, "t0", "t1", "t2", seed=SEED)
    senders.wait_for(100)
    through.elastic.kill()
    body = b'{"id":"while-away","message":"while it was away"}'
    with through.tenant.client() as client:
        before = time.monotonic()
        refused = client.post("/api/v1/logs/", content=body)
        bulk = client.post(
            "/_bulk",
            content=b'{"create":{"_index":"a"}}\n{"message":"x"}\n',
            headers={"Content-Type": "application/x-ndjson"},
        )
        took = time.monotonic() - before
        searched = client.get("/api/v1/logs/search/")
    for answer in (refused, searched):
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) >= 1
        assert "Traceback" not in answer.text
    assert refused.json()["code"] == "store_unavailable"
    assert bulk.status_code == 503
    assert bulk.headers["retry-after"]
    assert took < REFUSED_SECONDS * 2
    health = httpx.get(f"{through.web.url}/health/", timeout=60).json()
    assert health["checks"]["elasticsearch"]["status"] == "down"
    # The API goes on: this process answers more than logs.
    assert answers(through.web.url, "/health/ready/")
    through.elastic.start()
    with through.tenant.client() as client:
        wait_until(lambda: client.post("/api/v1/logs/", content=body).status_code == 202, 180)
        assert client.post("/api/v1/logs/", content=body).status_code == 202
    senders.wait_for(200)
    senders.end()
    assert through.tenant.count('"while it was away"') == 1
    senders.check(marks(through.tenant), more_than=200)
    assert "Traceback" not in through.web.told


def test_an_embedded_store_is_refused_at_the_start(tmp_path: Path) -> None:
    program = Program(GUNICORN, environment_of(tmp_path, JOURNAL_MODE="through"))
    program.start()
    assert program.wait() != 0
    assert "JOURNAL_MODE" in program.said[-1], program.told
    assert "LOG_STORE=elastic" in program.said[-1]
