"""`make run` with a Redis: everything that processes share is there, and it may go and come back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.process.lives import wait_until_dead
from tests.process.service import PASSWORD, Service, report
from tests.process.standstill import within
from tests.redis_server import RedisServer

pytestmark = pytest.mark.alone

# As docs/operations.md has them, and no more.
RIGHTS = (
    *("~elkv*", "&elkv*", "-@all", "+@read", "+@write", "+@connection", "+@pubsub"),
    *("+@scripting", "+@transaction", "+@blocking", "-@dangerous", "+info", "+time", "+keys"),
)
BACK_SECONDS = 180.0
# Signing in twice and a health check, each within the time limits of Redis.
BOUND_SECONDS = 12.0


@pytest.fixture
def running(tmp_path: Path, own_redis: RedisServer) -> Iterator[Service]:
    own_redis.client().execute_command("ACL", "SETUSER", "elk", "on", ">pass word", *RIGHTS)
    service = Service(
        tmp_path / "data",
        REDIS_HOST="127.0.0.1",
        REDIS_PORT=str(own_redis.port),
        REDIS_DB="3",
        REDIS_USER="elk",
        REDIS_PASSWORD="pass word",
    )
    try:
        service.start()
        yield service
    finally:
        service.close()
        report(service.told)


def checks(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/health/").json()["checks"]
    return found


def wait_for(client: httpx.Client, **statuses: str) -> None:
    """Until the health of these parts is so."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        found = {name: check["status"] for name, check in checks(client).items()}
        if statuses.items() <= found.items():
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_with_redis_everything_runs_and_ends_in_good_order(
    running: Service, own_redis: RedisServer
) -> None:
    with httpx.Client(base_url=running.url, timeout=60) as client:
        wait_for(client, redis="up", worker="up", beat="up")
        assert checks(client)["redis"]["type"] == "redis"
        metrics = client.get("/metrics").text
    assert 'elkv_celery_waiting_messages{queue="default"}' in metrics
    commands = [" ".join(child.cmdline()) for child in running.supervisor.children()]
    assert sum("config beat" in command for command in commands) == 1
    assert own_redis.client(db=3).dbsize() > 0
    assert own_redis.client(db=0).dbsize() == 0
    children = running.supervisor.children(recursive=True)
    assert running.stop() < 10
    with within(2.0):
        wait_until_dead(children, BACK_SECONDS)
    assert "Traceback" not in "\n".join(running.said)


def test_processes_of_the_worker_die_with_a_killed_supervisor(running: Service) -> None:
    with httpx.Client(base_url=running.url, timeout=30) as client:
        wait_for(client, worker="up", beat="up")
    children = running.supervisor.children(recursive=True)
    assert len(children) > 5
    assert running.process is not None
    with within(10.0):
        running.process.kill()
        running.process.wait()
        wait_until_dead(children, BACK_SECONDS)


@pytest.mark.parametrize("trouble", ["killed", "hanging"])
def test_while_redis_is_away_only_signing_in_waits_for_it(
    running: Service, own_redis: RedisServer, trouble: str
) -> None:
    tenant = running.join("Acme")
    login = {"username": "acme", "password": PASSWORD}
    tenant.send([b'{"message":"before"}'])
    with tenant.client() as client:
        wait_for(client, redis="up", worker="up", beat="up")
        own_redis.kill() if trouble == "killed" else own_redis.hang()
        with within(BOUND_SECONDS):
            for _ in range(2):
                refused = client.post("/api/auth/login/", json=login)
                assert refused.status_code == 503
                assert refused.headers["content-type"] == "application/problem+json"
                assert int(refused.headers["retry-after"]) > 0
            assert checks(client)["redis"]["status"] == "down"
            assert client.get("/health/ready/").status_code == 200
            assert client.get("/metrics").status_code == 200
        tenant.send([b'{"message":"meanwhile"}'])
        assert tenant.search(client, "meanwhile")["total"]["value"] == 1
        if trouble == "killed":
            own_redis.start()
            own_redis.client().execute_command("ACL", "SETUSER", "elk", "on", ">pass word", *RIGHTS)
        else:
            own_redis.go_on()
        wait_for(client, redis="up", worker="up", beat="up")
        # A second may pass until somebody dares to ask Redis again.
        deadline = time.monotonic() + BACK_SECONDS
        while client.post("/api/auth/login/", json=login).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert not [line for line in running.said if "starts again" in line]
