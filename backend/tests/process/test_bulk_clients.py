"""Real clients of the bulk API, unchanged: elasticsearch-py and rsyslog's omelasticsearch."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from elasticsearch import AuthenticationException, Elasticsearch, NotFoundError, helpers
from prometheus_client import REGISTRY

from tests.unit.ingest.edge.server import ALICES_KEY, Served, served

pytestmark = pytest.mark.process

RECORDS = [{"message": f"event {number}", "n": number, "text": "é\n"} for number in range(2500)]


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "journal") as running:
        yield running


@pytest.fixture
def client(edge: Served) -> Iterator[Elasticsearch]:
    with Elasticsearch(edge.url, api_key=ALICES_KEY) as connected:
        yield connected


def messages(edge: Served) -> list[str]:
    return [json.loads(line)["message"] for line in edge.lines()]


def test_helpers_bulk_delivers_everything_in_order(edge: Served, client: Elasticsearch) -> None:
    actions = ({"_index": "app", "_source": record} for record in RECORDS)
    stored, errors = helpers.bulk(client, actions)

    assert (stored, errors) == (2500, [])
    assert [json.loads(line) for line in edge.lines()] == RECORDS
    assert {index for batch in edge.batches() for index in batch.indices or []} == {"app"}


def test_streaming_bulk_reports_every_item_with_its_id(edge: Served, client: Elasticsearch) -> None:
    actions = (
        {"_op_type": "create", "_index": "app", "_id": f"id-{record['n']}", **record}
        for record in RECORDS
    )
    reports = list(helpers.streaming_bulk(client, actions, chunk_size=400))

    assert [ok for ok, _ in reports] == [True] * 2500
    sent = [f"id-{number}" for number in range(2500)]
    assert [item["create"]["_id"] for _, item in reports] == sent
    assert [one for batch in edge.batches() for one in batch.ids or []] == sent


def test_an_item_that_cannot_be_done_fails_alone(edge: Served, client: Elasticsearch) -> None:
    actions: list[dict[str, object]] = [
        {"_index": "app", "message": "kept"},
        {"_op_type": "delete", "_index": "app", "_id": "x"},
        {"_op_type": "update", "_index": "app", "_id": "x", "doc": {"message": "no"}},
        {"_index": "app", "message": "kept too"},
    ]
    with pytest.raises(helpers.BulkIndexError) as failed:
        helpers.bulk(client, actions)

    assert [next(iter(item)) for item in failed.value.errors] == ["delete", "update"]
    assert messages(edge) == ["kept", "kept too"]


def test_compressed_and_basic_work_too(edge: Served) -> None:
    with Elasticsearch(edge.url, basic_auth=("any", ALICES_KEY), http_compress=True) as client:
        assert helpers.bulk(client, ({"_index": "app", **one} for one in RECORDS)) == (2500, [])

    assert len(edge.lines()) == 2500


def test_the_client_accepts_who_answers(client: Elasticsearch) -> None:
    assert client.ping()
    assert client.info()["version"]["number"].startswith("8.")
    assert client.cluster.health()["status"] == "green"
    assert client.license.get()["license"]["status"] == "active"


def test_templates_are_kept_for_the_client(client: Elasticsearch) -> None:
    with pytest.raises(NotFoundError):
        client.indices.get_index_template(name="app")
    assert not client.indices.exists_index_template(name="app")
    assert client.indices.put_index_template(name="app", index_patterns=["app-*"])["acknowledged"]
    assert client.indices.exists_index_template(name="app")
    (template,) = client.indices.get_index_template(name="app")["index_templates"]
    assert template["index_template"]["index_patterns"] == ["app-*"]
    assert client.indices.create(index="app-1")["acknowledged"]
    assert client.indices.exists(index="app-1")


def test_a_wrong_key_is_an_authentication_error(edge: Served) -> None:
    with (
        Elasticsearch(edge.url, api_key="elkv_wrong") as client,
        pytest.raises(AuthenticationException),
    ):
        helpers.bulk(client, [{"_index": "app", "message": "no"}])


RSYSLOG = """
global(workDirectory="{directory}" maxMessageSize="64k")
module(load="imfile" PollingInterval="1")
module(load="omelasticsearch")
template(name="record" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="service" name="programname" format="jsonf")
  property(outname="level" name="syslogseverity-text" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}}
input(type="imfile" File="{directory}/app.log" Tag="app:" Severity="warning")
action(
  type="omelasticsearch" server="http://127.0.0.1" serverport="{port}" uid="rsyslog" pwd="{key}"
  bulkmode="on" searchIndex="syslog" searchType="{search_type}" template="record"
  queue.type="LinkedList" queue.dequeueBatchSize="100" action.resumeRetryCount="-1"
  action.resumeInterval="1" errorFile="{directory}/errors"
)
"""


@contextlib.contextmanager
def rsyslog(edge: Served, directory: Path, lines: list[str], *, search_type: str) -> Iterator[None]:
    """Runs until the end of the block; reads the lines from a file, and may repeat nothing."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program is not None, "install the packages that .ci/packages lists"
    (directory / "app.log").write_text("".join(f"{line}\n" for line in lines))
    configuration = directory / "rsyslog.conf"
    configuration.write_text(
        RSYSLOG.format(directory=directory, port=edge.port, key=ALICES_KEY, search_type=search_type)
    )
    with (directory / "output").open("w") as output:
        running = subprocess.Popen(
            [program, "-n", "-f", str(configuration), "-i", str(directory / "pid")],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait(timeout=60)


def wait_until(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.05)


# An empty type is what Elasticsearch 8 wants; "events" is what rsyslog sends if nobody chooses.
@pytest.mark.parametrize("search_type", ["", "events"])
def test_rsyslog_delivers_every_line(edge: Served, tmp_path: Path, search_type: str) -> None:
    lines = [f'line {number} "quoted" \\ é' for number in range(1000)]
    with rsyslog(edge, tmp_path, lines, search_type=search_type):
        wait_until(lambda: len(edge.lines()) >= len(lines))

    assert messages(edge) == lines, (tmp_path / "output").read_text()
    assert not (tmp_path / "errors").exists()
    assert all(not batch.bad for batch in edge.batches())
    assert {index for batch in edge.batches() for index in batch.indices or []} == {"syslog"}
    assert json.loads(edge.lines()[0])["level"] == "warning"


def test_rsyslog_comes_back_when_the_journal_has_room_again(tmp_path: Path) -> None:
    def refused() -> float:
        labels = {"protocol": "es_bulk", "status": "429"}
        return REGISTRY.get_sample_value("elkv_ingest_requests_total", labels) or 0

    lines = [f"line {number}" for number in range(200)]
    chance = random.Random(7)
    with served(tmp_path / "journal", journal_bytes=64 * 1024) as edge:
        with edge.client(Authorization=f"ApiKey {ALICES_KEY}") as client:
            full = 202
            while full == 202:
                pad = chance.randbytes(2_000).hex()
                full = client.post("/api/v1/logs/", json={"pad": pad}).status_code
            while client.post("/api/v1/logs/", json={}).status_code == 202:
                pass
        filled = edge.journal.state().last_number
        before = refused()
        with rsyslog(edge, tmp_path, lines, search_type=""):
            wait_until(lambda: refused() > before)
            edge.journal.trim(filled)
            wait_until(lambda: len(edge.lines()) >= len(lines))

        assert full == 429
        assert refused() > before
        # What was suspended comes after what was not: each line once, in whatever order.
        assert sorted(messages(edge)) == sorted(lines), (tmp_path / "output").read_text()
        assert not (tmp_path / "errors").exists()
