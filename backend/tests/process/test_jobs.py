"""Workers and beats over a real Redis, killed in the middle: what is due is done once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from app.health import parts
from app.health.checks import Status
from config import worker_steps
from tests.process.running import BACKEND
from tests.process.service import report
from tests.redis_fixtures import UseRedis
from tests.redis_server import RedisServer

START_SECONDS = 180.0
NOTICED_SECONDS = 60.0
# Instead of 10 and 35, for a test that is over sooner.
PULSE_SECONDS, PULSE_SILENT_SECONDS = 2, 14
SHUTDOWN_SECONDS = 6.0
CHANCE = random.Random(7)
TICKING_SECONDS = 24.0
_NOT_INHERITED = ("MONGO_HOST", "MONGO_PORT", "DATABASE_URL", "ELASTICSEARCH_HOSTS", "ENVIRONMENT")


class Group:
    """Workers and beats of one installation: its directory, its Redis, its ledger."""

    def __init__(self, directory: Path, redis: RedisServer, **environment: str) -> None:
        self.ledger = directory / "ledger"
        self.ledger.touch()
        kept = {name: text for name, text in os.environ.items() if name not in _NOT_INHERITED}
        self.environment = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
            "DATA_DIR": str(directory),
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(redis.port),
            "REDIS_DB": "0",
            "REDIS_KEY_PREFIX": "elkv",
            "ELKV_LEDGER": str(self.ledger),
            **environment,
        }
        self._log = directory / "log"
        self._log.touch()
        self.running: list[subprocess.Popen[bytes]] = []
        self.run("manage.py", "migrate", "--verbosity", "0")

    def run(self, *arguments: str) -> None:
        """A command to its end, which must be a good one."""
        subprocess.run(
            [sys.executable, *arguments], cwd=BACKEND, env=self.environment, check=True, timeout=300
        )

    def worker(self, processes: int = 2, *others: str) -> subprocess.Popen[bytes]:
        environment = {
            "REMAP_SIGTERM": "SIGQUIT",
            "WORKER_SHUTDOWN_SECONDS": f"{SHUTDOWN_SECONDS:g}",
        }
        pool = ("--pool", "prefork", "--concurrency", str(processes))
        return self._start(environment, "worker", *pool, "--without-mingle", *others)

    def beat(self) -> subprocess.Popen[bytes]:
        return self._start({}, "beat", "--pidfile", "")

    def send(self, name: str, *arguments: object, **options: object) -> None:
        """A message of another process."""
        said = f"{name!r}, args={list(arguments)!r}, **{options!r}"
        self.run("-c", f"from tests.process.due_app import app; app.send_task({said})")

    def _start(self, environment: dict[str, str], *command: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tests.process.due_app", *command],
                cwd=BACKEND,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9` of a worker with all its processes, or of a beat."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop(self) -> None:
        """Kills whatever runs."""
        for process in list(self.running):
            self.kill(process)

    def close(self) -> None:
        self.stop()
        report(self.log()[-8_000:])

    def log(self) -> str:
        """What workers and beats said."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[list[str]]:
        # The last one may be about to be written.
        whole, _, _ = self.ledger.read_text(encoding="ascii").rpartition("\n")
        return [line.split() for line in whole.splitlines()]

    def ended(self) -> list[Any]:
        """The commands that ended without being told to."""
        return [one.args for one in self.running if one.poll() is not None]

    def said(self, *words: str) -> list[str]:
        """The names that came with these words, in order."""
        return [line[1] for line in self.lines() if line[0] in words]

    def shell(self, code: str) -> str:
        """What a piece of Python prints, where models are."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", code],
            cwd=BACKEND,
            env=self.environment,
            check=True,
            timeout=300,
            capture_output=True,
            text=True,
        )
        return done.stdout


@pytest.fixture
def group(tmp_path: Path, own_redis: RedisServer) -> Iterator[Group]:
    made = Group(tmp_path, own_redis)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.mongo)])
def ticking(
    request: pytest.FixtureRequest, tmp_path: Path, own_redis: RedisServer
) -> Iterator[Group]:
    """With beats that ask for `tests.tick`."""
    database = {}
    if request.param == "mongodb":
        database = {name: os.environ[name] for name in ("MONGO_HOST", "MONGO_PORT")}
        database["MONGO_DB_NAME"] = f"elkv_test_jobs_{os.getpid()}"
    made = Group(tmp_path, own_redis, ELKV_TICKS="1", **database)
    try:
        yield made
    finally:
        made.close()
        if database:
            with MongoClient[Any](database["MONGO_HOST"], int(database["MONGO_PORT"])) as client:
                client.drop_database(database["MONGO_DB_NAME"])


def wait_until(is_so: Callable[[], object], seconds: float = START_SECONDS) -> float:
    """How long that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.05)
    return time.monotonic() - began


class Trouble:
    """One after the other: a process killed in its work, a whole worker, every message gone with a
    beat, Redis."""

    def __init__(self, group: Group, redis: RedisServer) -> None:
        self._group = group
        self._redis = redis
        self._workers = [group.worker(), group.worker()]
        self._beats = [group.beat(), group.beat()]
        self.times = 0

    def make(self) -> None:
        """Waits until somebody is at it, and strikes."""
        group = self._group
        began = len(group.said("began"))
        wait_until(lambda: len(group.said("began")) > began)
        self.times += 1
        match self.times % 4:
            case 1:
                psutil.Process(int(group.lines()[-1][2])).kill()
            case 2:
                group.kill(self._workers.pop(0))
                self._workers.append(group.worker())
            case 3:
                self._redis.client().flushall()
                group.kill(self._beats.pop(0))
                self._beats.append(group.beat())
            case 0:
                self._redis.kill()
                time.sleep(0.5)
                self._redis.start()


def test_two_beats_two_workers_and_kills_do_each_period_once(
    ticking: Group, own_redis: RedisServer
) -> None:
    ticking.shell(
        "from tests.process.due_jobs import KIND, ensure, utc_now\n"
        "ensure(KIND, 'one', due_at=utc_now())",
    )
    trouble = Trouble(ticking, own_redis)
    wait_until(lambda: len(ticking.said("ended")) > 2)
    until = time.monotonic() + TICKING_SECONDS
    while time.monotonic() < until or trouble.times < 4:
        trouble.make()
        time.sleep(CHANCE.uniform(0.5, 2.0))
    ended = len(ticking.said("ended"))
    # What was missed while nobody could is made up for, and no time is left out.
    wait_until(lambda: len(ticking.said("ended")) > ended + 5)
    assert ticking.ended() == []
    ticking.stop()
    said = ticking.shell(
        "from app.core.models import DueWork\n"
        "print(*sorted(DueWork.objects.filter(kind='ticked').values_list('key', flat=True)))"
    )
    done = [datetime.fromisoformat(key) for key in said.split()]
    assert len(done) > TICKING_SECONDS / 2
    assert {later - sooner for sooner, later in pairwise(done)} == {timedelta(seconds=1)}
    assert set(Counter(ticking.said("ended")).values()) == {1}
    again = sum(times - 1 for times in Counter(ticking.said("began")).values())
    report(f"{len(done)} periods, {trouble.times} kills, {again} begun again")
    # Nobody else begins what somebody is at: only what was cut off is begun again.
    assert again <= trouble.times


def test_what_is_urgent_goes_before_what_waits_longer(group: Group) -> None:
    group.run(
        "-c",
        "from tests.process.due_app import app\n"
        "for queue in ('bulk', 'default', 'alerts'):\n"
        "    for number in range(2):\n"
        "        app.send_task('tests.note', args=[f'{queue}{number}'], queue=queue)\n",
    )
    group.worker(1)
    wait_until(lambda: len(group.said("ended")) == 6)
    order = group.said("began")
    assert order == ["alerts0", "alerts1", "default0", "default1", "bulk0", "bulk1"]


def test_a_job_that_took_its_process_along_is_done_by_another(group: Group) -> None:
    group.send("tests.die_once")
    group.worker(1)
    wait_until(lambda: "die" in group.said("ended"))
    assert group.said("began") == ["die", "die"]


def test_a_job_beyond_its_time_is_warned_then_ended_and_the_worker_goes_on(group: Group) -> None:
    group.worker(1)
    group.send("tests.stubborn", soft_time_limit=2, time_limit=8)
    group.send("tests.note", "next")
    wait_until(lambda: "next" in group.said("ended"))
    assert group.said("warned") == ["stubborn"]
    pids = {name: pid for word, name, pid in group.lines() if word == "began"}
    assert pids["next"] != pids["stubborn"]
    assert not psutil.pid_exists(int(pids["stubborn"]))


def test_a_worker_that_is_told_to_end_finishes_and_gives_back_the_rest(group: Group) -> None:
    worker = group.worker(2)
    # A worker that has given out the second one knows that the first one runs.
    for name in ("first", "second"):
        group.send("tests.held", name)
        wait_until(lambda name=name: name in group.said("began"))
    group.send("tests.note", "waiting")
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: "Hitting Ctrl+C again" in group.log())
    for name in ("first", "second"):
        group.ledger.with_name(name).touch()
    took = wait_until(lambda: worker.poll() is not None)
    assert took < SHUTDOWN_SECONDS + 20
    assert "first" in group.said("ended")
    assert "waiting" not in group.said("began")
    group.running.remove(worker)
    group.worker(1)
    wait_until(lambda: "waiting" in group.said("ended"))
    assert group.said("began").count("first") == 1


def test_who_sends_a_job_is_told_soon_that_redis_is_away(
    group: Group, own_redis: RedisServer
) -> None:
    own_redis.hang()
    began = time.monotonic()
    with pytest.raises(subprocess.CalledProcessError):
        group.send("tests.note", "lost")
    assert time.monotonic() - began < 60
    own_redis.go_on()
    group.send("tests.note", "kept")
    group.worker(1)
    wait_until(lambda: "kept" in group.said("ended"))


@pytest.mark.parametrize("comes_back", ["before its end", "after its end"])
def test_a_job_goes_on_while_redis_is_away_and_its_worker_too(
    group: Group, own_redis: RedisServer, comes_back: str
) -> None:
    group.worker(2)
    group.send("tests.note", "long", 6.0)
    wait_until(lambda: "long" in group.said("began"))
    own_redis.kill()
    if comes_back == "after its end":
        wait_until(lambda: "long" in group.said("ended"))
    own_redis.start()
    group.send("tests.note", "next")
    wait_until(lambda: {"long", "next"} == set(group.said("ended")))
    group.send("tests.note", "last")
    wait_until(lambda: "last" in group.said("ended"))
    assert group.ended() == []
    assert group.said("began") == ["long", "next", "last"]


def test_a_job_goes_on_while_redis_takes_nothing_in_and_its_worker_too(
    group: Group, own_redis: RedisServer
) -> None:
    def refused() -> int:
        said: Any = own_redis.client().info("errorstats")
        return int(said.get("errorstat_READONLY", {"count": 0})["count"])

    group.worker(2)
    group.send("tests.note", "long", 6.0)
    wait_until(lambda: "long" in group.said("began"))
    own_redis.become_replica()
    # Also when it connects anew.
    wait_until(lambda: group.ended() or refused() >= 3)
    wait_until(lambda: "long" in group.said("ended"))
    own_redis.become_primary()
    group.send("tests.note", "next")
    wait_until(lambda: group.ended() or "next" in group.said("ended"))
    assert group.ended() == []


def test_a_dead_beat_and_a_dead_worker_are_noticed_and_told_apart(
    tmp_path: Path,
    own_redis: RedisServer,
    use_redis: UseRedis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert worker_steps.PULSE_SECONDS + parts.PULSE_SILENT_SECONDS < NOTICED_SECONDS
    monkeypatch.setattr(parts, "PULSE_SILENT_SECONDS", PULSE_SILENT_SECONDS)
    use_redis(own_redis)
    group = Group(tmp_path, own_redis, ELKV_PULSE_SECONDS=str(PULSE_SECONDS))
    try:
        worker, beat = group.worker(1), group.beat()
        wait_until(lambda: statuses() == (Status.UP, Status.UP))
        group.kill(beat)
        took = wait_until(lambda: statuses() == (Status.UP, Status.DOWN), NOTICED_SECONDS)
        report(f"the dead beat was noticed after {took:.0f} s")
        group.beat()
        wait_until(lambda: statuses() == (Status.UP, Status.UP))
        group.kill(worker)
        took = wait_until(lambda: statuses() == (Status.DOWN, Status.UP), NOTICED_SECONDS)
        report(f"the dead worker was noticed after {took:.0f} s")
        group.worker(1)
        wait_until(lambda: statuses() == (Status.UP, Status.UP))
    finally:
        group.close()


def statuses() -> tuple[Status, Status]:
    """Of the worker and of beat."""
    return parts.check_worker().status, parts.check_beat().status
