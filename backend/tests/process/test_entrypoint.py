"""infra/docker/entrypoint.sh under the shell that containers have, on SQLite and MongoDB."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from config.secret_files import new_rsa_key, new_secret_key
from tests.mongodb_server import MongoServer
from tests.ports import free_port
from tests.process.programs import answers, environment_of, wait_until
from tests.process.running import BACKEND

ENTRYPOINT = BACKEND.parent / "infra" / "docker" / "entrypoint.sh"
SHELL = shutil.which("dash") or "/bin/sh"
SECONDS = 300.0


class Started:
    """The script, started; its output is in `said`."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [SHELL, str(ENTRYPOINT), *arguments],
            cwd="/",
            env={**environment, "PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def wait(self, seconds: float = SECONDS) -> int:
        self.said, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode

    def stop(self) -> int:
        """The signal goes to the one process that there is."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.wait()


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.mongo)])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An empty database of one kind."""
    environment = environment_of(tmp_path / "data", SHUTDOWN_DELAY_SECONDS="0")
    if request.param == "sqlite":
        yield environment
        return
    name = f"entry_{os.urandom(4).hex()}"
    host, port = os.environ["MONGO_HOST"], os.environ["MONGO_PORT"]
    yield {**environment, "MONGO_HOST": host, "MONGO_PORT": port, "MONGO_DB_NAME": name}
    with MongoClient[Any](host, int(port)) as client:
        client.drop_database(name)


def test_the_web_server_starts_on_an_empty_database_and_ends_with_a_signal(
    environment: dict[str, str],
) -> None:
    port = free_port()
    started = Started("web", **environment, HOST="127.0.0.1", PORT=str(port), WEB_CONCURRENCY="1")
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), SECONDS)
        assert answers(url, "/health/ready/")
        # Become, not started beside: the shell is gone.
        command = Path(f"/proc/{started.process.pid}/cmdline").read_bytes()
        assert b"gunicorn" in command
        assert started.stop() == 0
    finally:
        started.close()
    assert "Applying users.0001_initial" in started.said
    assert "Traceback" not in started.said


def test_many_that_migrate_at_once_do_it_once(environment: dict[str, str]) -> None:
    several = [
        Started(sys.executable, "-c", "print('went on')", **environment, RUN_MIGRATIONS="1")
        for _ in range(3)
    ]
    try:
        assert [one.wait() for one in several] == [0, 0, 0], "\n".join(one.said for one in several)
    finally:
        for one in several:
            one.close()
    applied = [line for one in several for line in one.said.splitlines() if "Applying" in line]
    assert len(applied) == len(set(applied)) > 5
    assert all("went on" in one.said for one in several)


@pytest.mark.mongo
def test_a_database_that_is_not_there_is_waited_for_and_named(tmp_path: Path) -> None:
    began = time.monotonic()
    started = Started(
        "web",
        **environment_of(tmp_path / "data"),
        MONGO_HOST="127.0.0.1",
        MONGO_PORT=str(free_port()),
        MONGO_CONNECT_TIMEOUT="0.5",
        DATABASE_WAIT_SECONDS="3",
    )
    assert started.wait() == 1
    assert time.monotonic() - began > 3
    assert "the database did not answer within 3 s" in started.said
    assert "Connection refused" in started.said
    assert "Traceback" not in started.said
    assert "gunicorn" not in started.said


@pytest.mark.mongo
def test_a_database_that_comes_late_is_in_time(tmp_path: Path) -> None:
    server = MongoServer("--replSet", "rs0")
    started = Started(
        sys.executable,
        "-c",
        "print('went on')",
        **environment_of(tmp_path / "data"),
        MONGO_HOST="127.0.0.1",
        MONGO_PORT=str(server.port),
        MONGO_CONNECT_TIMEOUT="0.5",
        WAIT_FOR_DATABASE="1",
        DATABASE_WAIT_SECONDS="200",
    )
    try:
        time.sleep(2)
        assert started.process.poll() is None
        server.start()
        server.make_replica_set()
        assert started.wait() == 0, started.said
        assert "went on" in started.said
    finally:
        started.close()
        server.remove()


@pytest.mark.mongo
def test_a_standalone_mongodb_is_refused_at_once_with_the_reason(tmp_path: Path) -> None:
    server = MongoServer()
    try:
        server.start()
        began = time.monotonic()
        started = Started(
            "web",
            **environment_of(tmp_path / "data"),
            MONGO_HOST="127.0.0.1",
            MONGO_PORT=str(server.port),
            DATABASE_WAIT_SECONDS="200",
        )
        assert started.wait() == 1
        assert time.monotonic() - began < 100
        assert "must be a replica set" in started.said
        assert "Traceback" not in started.said
    finally:
        server.remove()


def test_switches_say_what_is_done_first(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "data", STATIC_ROOT=str(tmp_path / "static"))
    nothing = Started("echo", "only this", **environment)
    assert nothing.wait() == 0
    assert nothing.said == "only this\n"
    assert not (tmp_path / "data").exists()
    static = Started("echo", "and this", **environment, COLLECT_STATIC="yes")
    assert static.wait() == 0, static.said
    assert static.said == "and this\n"
    assert (tmp_path / "static" / "admin").is_dir()
    # As the settings read them.
    spelt = {"WAIT_FOR_DATABASE": "True", "COLLECT_STATIC": "FALSE"}
    migrated = Started("echo", **environment, **spelt, RUN_MIGRATIONS="1")
    assert migrated.wait() == 0, migrated.said
    with sqlite3.connect(tmp_path / "data" / "db.sqlite3") as database:
        assert database.execute("select count(*) from django_migrations").fetchone()[0] > 5
    wrong = Started("web", **environment, RUN_MIGRATIONS="maybe")
    assert (wrong.wait(), "RUN_MIGRATIONS: 'maybe'" in wrong.said) == (64, True)


def test_production_starts_with_its_secrets_and_refuses_without(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "data", ENVIRONMENT="production")
    refused = Started("web", **environment)
    assert refused.wait() != 0
    for name in ("SECRET_KEY", "JWT_PRIVATE_KEY", "ALLOWED_HOSTS"):
        assert name in refused.said
    port = free_port()
    started = Started(
        "web",
        **environment,
        SECRET_KEY=new_secret_key(),
        JWT_PRIVATE_KEY=new_rsa_key(),
        ALLOWED_HOSTS="logs.example.com",
        PORT=str(port),
        HOST="127.0.0.1",
        WEB_CONCURRENCY="1",
        SHUTDOWN_DELAY_SECONDS="0",
    )
    try:
        url = f"http://127.0.0.1:{port}"
        # Probes come by the pod's address, which no ALLOWED_HOSTS knows, and without TLS.
        wait_until(lambda: answers(url), SECONDS)
        for path in ("/health/", "/health/ready/", "/metrics"):
            assert answers(url, path)
        assert not answers(url, "/api/docs/")
        plain = httpx.get(
            f"{url}/api/v1/users/profile/", headers={"Host": "logs.example.com"}, timeout=60
        )
        assert (plain.status_code, plain.headers["location"][:24]) == (
            301,
            "https://logs.example.com",
        )
        behind_tls = httpx.get(
            f"{url}/api/v1/users/profile/",
            headers={"Host": "logs.example.com", "X-Forwarded-Proto": "https"},
            timeout=60,
        )
        assert behind_tls.status_code == 401
        assert behind_tls.headers["strict-transport-security"]
        assert started.stop() == 0
    finally:
        started.close()
    # Every line that a machine reads is one event.
    lines = [line for line in started.said.splitlines() if "gunicorn" in line]
    assert lines
    assert all(line.startswith("{") for line in lines), started.said
