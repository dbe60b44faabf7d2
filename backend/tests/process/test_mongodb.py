"""MongoDB is killed and comes back while people work: nobody waits for long, nothing is done by
halves, and nothing has to be started again."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from config.database import MAX_CONNECT_SECONDS
from tests.mongodb_server import MongoServer, replica_set
from tests.process.programs import GUNICORN, WebProgram, answers, environment_of, manage, wait_until
from tests.process.service import PASSWORD, Tenant, join, report

pytestmark = pytest.mark.process
# The last one is longer than anybody may be kept waiting.
SECONDS_DOWN = (1.0, 4.0, MAX_CONNECT_SECONDS + 2)
# Between two of them.
MADE_MEANWHILE = 12
WORKERS = 4
PATIENCE_SECONDS = 180.0
KEYS = "/api/v1/api-keys/"


@pytest.fixture
def server() -> Iterator[MongoServer]:
    with replica_set() as server:
        yield server


@pytest.fixture
def api(server: MongoServer, tmp_path: Path) -> Iterator[WebProgram]:
    environment = environment_of(
        tmp_path / "data",
        MONGO_HOST="127.0.0.1",
        MONGO_PORT=str(server.port),
        WEB_PARTS="api",
        WEB_CONCURRENCY="2",
        SHUTDOWN_DELAY_SECONDS="0",
    )
    manage(environment, "wait_for_database")
    manage(environment, "migrate", "--verbosity", "0")
    program = WebProgram(GUNICORN, environment)
    program.start()
    program.wait_until_answering()
    yield program
    program.close()


@dataclass
class Work:
    """What several people did at once, and what they were told."""

    made: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    is_over: bool = False

    def ask(self, client: httpx.Client, method: str, path: str, **what: Any) -> httpx.Response:
        """Every answer is the right one, or a problem that says that the database is away."""
        before = time.monotonic()
        answer = client.request(method, path, **what)
        self.slowest = max(self.slowest, time.monotonic() - before)
        self.answers[answer.status_code] += 1
        if answer.status_code == 503:
            is_right = answer.json()["code"] == "database_unavailable"
            is_right = is_right and int(answer.headers["Retry-After"]) > 0
        else:
            is_right = answer.is_success
        if not is_right:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def wait_for(self, status: int, count: int) -> None:
        """Until so many more have been told this."""
        before = self.answers[status]
        wait_until(lambda: self.answers[status] >= before + count, PATIENCE_SECONDS)

    def go_on(self, tenant: Tenant, number: int) -> None:
        """Makes keys, deletes some, reads its profile and signs in, until it is over."""
        chance = random.Random(number)
        own: list[str] = []
        headers = {"Authorization": f"Bearer {tenant.access}"}
        with httpx.Client(base_url=tenant.url, timeout=PATIENCE_SECONDS, headers=headers) as client:
            for turn in range(1_000_000):
                if self.is_over:
                    return
                made = self.ask(
                    client, "POST", KEYS, json={"name": f"{number}-{turn}", "scopes": ["ingest"]}
                )
                if made.is_success:
                    own.append(made.json()["id"])
                    self.made.add(own[-1])
                self.ask(client, "GET", "/api/v1/users/profile/")
                if len(own) > 4 or (own and chance.random() < 0.5):
                    key = own.pop(0)
                    gone = self.ask(client, "DELETE", f"{KEYS}{key}/")
                    (self.deleted if gone.is_success else self.unknown).add(key)
                if turn % 5 == 0:
                    login = {"username": "acme", "password": PASSWORD}
                    self.ask(client, "POST", "/api/auth/login/", json=login)


def test_killed_and_back_it_leaves_nothing_half_done(api: WebProgram, server: MongoServer) -> None:
    tenant = join(api.url, "Acme")
    workers = pids(api)
    work = Work()
    threads = [
        threading.Thread(target=work.go_on, args=(tenant, number)) for number in range(WORKERS)
    ]
    for thread in threads:
        thread.start()
    away = []
    for seconds_down in SECONDS_DOWN:
        work.wait_for(201, MADE_MEANWHILE)
        server.kill()
        wait_until(lambda: not answers(api.url, "/health/ready/"), PATIENCE_SECONDS)
        assert answers(api.url, "/health/live/")
        time.sleep(seconds_down)
        work.wait_for(503, 1)
        server.start()
        away.append(wait_until(lambda: answers(api.url, "/health/ready/"), PATIENCE_SECONDS))
    work.wait_for(201, MADE_MEANWHILE)
    work.is_over = True
    for thread in threads:
        thread.join()
    report(
        f"answers {dict(work.answers)}, slowest {work.slowest:.1f} s, "
        f"ready {', '.join(f'{seconds:.1f}' for seconds in away)} s after the start"
    )
    assert work.wrong == []
    assert work.slowest < MAX_CONNECT_SECONDS
    assert pids(api) == workers
    check_whole(server, work)


def pids(api: WebProgram) -> set[int]:
    return {child.pid for child in psutil.Process(api.pid).children()}


def check_whole(server: MongoServer, work: Work) -> None:
    """A key and the entry of the audit about it come together, once each."""
    with server.client() as client:
        database = client["elk_vision"]
        keys = list(database["users_apikey"].find({}, {"name": 1}))
        entries = list(database["audit_auditentry"].find({}, {"action": 1, "subject_id": 1}))
    there = {row["_id"] for row in keys}
    assert len({row["name"] for row in keys}) == len(keys)
    told = Counter((entry["action"], entry["subject_id"].replace("-", "")) for entry in entries)
    created = {subject for action, subject in told if action == "api_key_created"}
    deleted = {subject for action, subject in told if action == "api_key_deleted"}
    assert {name: times for name, times in told.items() if times > 1 and "api_key" in name[0]} == {}
    assert created - deleted == there
    assert deleted <= created
    # What was acknowledged is so, and what was not may be.
    said = {key.replace("-", "") for key in work.made}
    gone = {key.replace("-", "") for key in work.deleted}
    maybe = {key.replace("-", "") for key in work.unknown}
    assert said <= created
    assert gone <= deleted
    assert said - gone - maybe <= there
