"""API, intake and shipper as processes of their own over one journal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.process.lives import wait_until_dead
from tests.process.programs import (
    GUNICORN,
    Program,
    WebProgram,
    answers,
    environment_of,
    manage,
    wait_until,
)
from tests.process.service import Tenant, join


@dataclass
class Group:
    """The three, and somebody with a key who sends to the intake and searches at the API."""

    api: WebProgram
    ingest: WebProgram
    shipper: Program
    sender: Tenant
    searcher: Tenant


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    data_dir: Path = tmp_path_factory.mktemp("group") / "data"
    environment = environment_of(data_dir, SHUTDOWN_DELAY_SECONDS="0")
    manage(environment, "migrate", "--verbosity", "0")
    api = WebProgram(GUNICORN, {**environment, "WEB_PARTS": "api", "WEB_CONCURRENCY": "2"})
    ingest = WebProgram(("manage.py", "ingest", "--workers", "2"), environment)
    shipper = Program(("manage.py", "shipper"), environment)
    programs: tuple[Program, ...] = (api, ingest, shipper)
    try:
        for program in programs:
            program.start()
        api.wait_until_answering()
        ingest.wait_until_answering()
        searcher = join(api.url, "Acme")
        yield Group(api, ingest, shipper, Tenant(ingest.url, searcher.key, ""), searcher)
    finally:
        for program in programs:
            program.close()


def test_what_the_intake_takes_the_api_finds(group: Group) -> None:
    group.sender.send([b'{"message":"made it through"}'])
    assert group.searcher.count('"made it through"') == 1


def test_each_process_answers_for_its_own_part_only(group: Group) -> None:
    with group.searcher.client() as client:
        sent = client.post("/api/v1/logs/", json={"message": "a"})
        bulk = client.post("/_bulk", content=b'{"create":{}}\n{"a":1}\n')
    assert (sent.status_code, sent.json()["code"]) == (404, "intake_elsewhere")
    assert (bulk.status_code, bulk.json()["code"]) == (404, "intake_elsewhere")
    with group.sender.client() as client:
        for path in ("/api/v1/logs/search/", "/api/v1/users/profile/", "/admin/"):
            assert client.get(path).status_code == 404
        assert client.get("/", headers={"Accept": "*/*"}).json()["tagline"]


def test_every_process_is_probed_and_measured(group: Group) -> None:
    for url in (group.api.url, group.ingest.url):
        assert httpx.get(f"{url}/health/ready/", timeout=60).status_code == 200
        assert "elkv_web_requests_total" in httpx.get(f"{url}/metrics", timeout=60).text


def test_a_worker_that_is_killed_is_replaced_and_its_live_metrics_go(group: Group) -> None:
    master = psutil.Process(group.ingest.pid)
    victim = master.children()[0]
    victim.send_signal(signal.SIGKILL)
    wait_until(lambda: len(master.children()) == 2 and victim.pid not in pids(master), 180)
    group.sender.send([b'{"message":"after a kill"}'])
    metrics = Path(group.ingest.environment["DATA_DIR"]) / "run" / "metrics"
    assert not [
        name
        for name in os.listdir(metrics)
        if name.startswith("gauge_live") and f"_{victim.pid}." in name
    ]


def pids(master: psutil.Process) -> set[int]:
    return {child.pid for child in master.children()}


def test_several_processes_without_redis_say_that_each_counts_for_itself(group: Group) -> None:
    for program in (group.api, group.ingest):
        program.hear("limits_counted_apart")
        said = [line for line in program.said if "limits_counted_apart" in line]
        assert len(said) == 1, program.told
        assert "set REDIS_HOST" in said[0]
        assert "processes=2" in said[0]
    redis = httpx.get(f"{group.api.url}/health/", timeout=60).json()["checks"]["redis"]
    assert (redis["status"], redis["detail"]) == (
        "degraded",
        "2 processes count limits and quotas each for itself: set REDIS_HOST",
    )


def test_a_setting_that_cannot_be_used_is_said_and_nothing_starts(tmp_path: Path) -> None:
    for name, value in (
        ("WEB_PARTS", "api,nonsense"),
        ("GRACEFUL_TIMEOUT_SECONDS", "31"),
        ("SHUTDOWN_DELAY_SECONDS", "60"),
    ):
        program = Program(GUNICORN, environment_of(tmp_path, **{name: value}))
        program.start()
        assert program.wait() != 0
        assert name in program.said[-1], program.told


def test_gunicorn_listens_on_addresses_of_both_kinds(tmp_path: Path) -> None:
    print_address = (
        "from gunicorn.util import parse_address; from config import gunicorn_config;"
        " print(parse_address(gunicorn_config.bind))"
    )
    for host in ("::", "::1", "127.0.0.1"):
        program = Program(("-c", print_address), environment_of(tmp_path, HOST=host, PORT="8123"))
        program.start()
        assert program.wait() == 0, program.told
        assert program.said[-1] == f"('{host}', 8123)"


def test_workers_end_with_a_master_that_is_killed(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "data", WEB_CONCURRENCY="1")
    manage(environment, "migrate", "--verbosity", "0")
    api = WebProgram(GUNICORN, environment)
    try:
        api.start()
        api.wait_until_answering()
        master = psutil.Process(api.pid)
        workers = master.children()
        master.kill()
        wait_until_dead(workers, 120)
        assert len(workers) == 1
        # One process alone counts for all.
        assert "limits_counted_apart" not in api.told
    finally:
        api.close()


def test_a_master_that_is_told_to_end_at_once_kills_nobody(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "data", WEB_CONCURRENCY="1")
    manage(environment, "migrate", "--verbosity", "0")
    api = WebProgram(GUNICORN, environment)
    try:
        api.start()
        api.wait_until_answering()
        os.kill(api.pid, signal.SIGINT)
        assert api.wait() == 0
        assert "SIGKILL" not in api.told
    finally:
        api.close()


@pytest.mark.parametrize(
    ("parts", "mode", "is_ready"),
    [("api", "through", False), ("intake", "local", True), ("intake", "through", False)],
)
def test_a_process_starts_and_answers_while_everything_is_away(
    tmp_path: Path, parts: str, mode: str, *, is_ready: bool
) -> None:
    nowhere = {"MONGO_HOST": "127.0.0.1", "REDIS_HOST": "127.0.0.1", "MONGO_CONNECT_TIMEOUT": "1"}
    ports = {"MONGO_PORT": "1", "REDIS_PORT": "1", "ELASTICSEARCH_HOSTS": "http://127.0.0.1:1"}
    environment = environment_of(
        tmp_path, WEB_PARTS=parts, JOURNAL_MODE=mode, SHUTDOWN_DELAY_SECONDS="0", **nowhere, **ports
    )
    web = WebProgram(GUNICORN, {**environment, "WEB_CONCURRENCY": "1"})
    try:
        web.start()
        web.wait_until_answering()
        assert answers(web.url, "/health/ready/") is is_ready
        path = "/api/v1/logs/search/" if parts == "api" else "/api/v1/logs/"
        asked = httpx.request(
            "GET" if parts == "api" else "POST",
            f"{web.url}{path}",
            headers={"Authorization": "ApiKey elkv_nobody"},
            timeout=60,
        )
        assert asked.status_code == 503
        assert asked.headers["content-type"] == "application/problem+json"
        assert int(asked.headers["retry-after"]) >= 1
        web.stop()
        assert "Traceback" not in web.told
        assert "closing socket" not in web.told
    finally:
        web.close()


def test_there_is_nothing_to_ship_without_a_journal(tmp_path: Path) -> None:
    shipper = Program(
        ("manage.py", "shipper"),
        environment_of(tmp_path, JOURNAL_MODE="through", ELASTICSEARCH_HOSTS="http://127.0.0.1:1"),
    )
    shipper.start()
    assert shipper.wait() == 1
    assert "there is no journal" in shipper.said[-1]
