"""Probes: what is up, what is not, and what hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from app.core import pulses
from app.core.clock import SYSTEM_CLOCK
from app.core.ending import begin_ending, forget_ending
from app.core.ids import OrgId
from app.core.limits.process import note_processes
from app.core.pulses import Pulse, note_pulse
from app.health import views
from app.health.checks import Part, Report, Status, Watch
from app.health.parts import (
    check_beat,
    check_journal,
    check_redis,
    check_shipper,
    check_worker,
    parts,
)
from app.journal import process as journal_process
from app.journal.refusals import Refused
from app.journal.status import HOLDING_BACK, ISOLATING, ShipperStatus, write_status
from tests.redis_fixtures import HASTY, HASTY_SECONDS, UseRedis
from tests.redis_server import RedisServer
from tests.shipping import until
from tests.unit.core.limits.clocks import TurnedClock


@pytest.fixture
def journal_dir(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """The journal of this process, empty."""
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.BROKER_DIR = tmp_path / "broker"
    journal_process.close()
    journal_process.configure(settings.JOURNAL_DIR, max_bytes=2**20)
    yield settings.JOURNAL_DIR
    journal_process.close()


def up() -> Report:
    return Report(Status.UP, {"type": "sqlite"})


def down() -> Report:
    raise OSError("disk gone, path /secret")


def watch_of(monkeypatch: pytest.MonkeyPatch, **asked: Part) -> Watch:
    made = Watch(asked)
    monkeypatch.setattr(views, "watch", lambda: made)
    return made


def shipper_says(directory: Path, state: str, *, seconds_ago: int = 0) -> None:
    then_ns = SYSTEM_CLOCK.now_ns() - seconds_ago * 10**9
    write_status(directory, ShipperStatus(1, state, then_ns, then_ns))


def test_all_parts_of_the_embedded_default_are_named(journal_dir: Path) -> None:
    assert set(parts()) == {
        "database",
        "redis",
        "elasticsearch",
        "journal",
        "shipper",
        "worker",
        "beat",
    }


def test_what_a_process_needs_follows_from_what_it_does(settings: Settings) -> None:
    def needed(web_parts: str, journal_mode: str) -> set[str]:
        settings.WEB_PARTS = tuple(web_parts.split(","))
        settings.JOURNAL_MODE = journal_mode
        return {name for name, part in parts().items() if part.is_needed}

    assert needed("api,intake", "local") == {"database", "journal"}
    assert needed("api", "local") == {"database"}
    assert needed("intake", "local") == {"journal"}
    assert needed("api,intake", "through") == {"database"}
    assert needed("api", "through") == {"database"}
    assert needed("intake", "through") == {"elasticsearch"}
    assert {"journal", "shipper"}.isdisjoint(parts())


def test_a_process_that_ends_is_not_ready_but_alive(
    anonymous: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_of(monkeypatch, database=Part(up, is_needed=True))
    assert anonymous.get("/health/ready/").status_code == 200
    begin_ending()
    try:
        ready = anonymous.get("/health/ready/")
        assert anonymous.get("/health/live/").status_code == 200
    finally:
        forget_ending()
    assert (ready.status_code, ready.json()["status"]) == (503, "ending")


def test_everything_up_is_healthy(anonymous: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    watch_of(monkeypatch, database=Part(up, is_needed=True), redis=Part(up))
    answer = anonymous.get("/health/")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "version": "v1",
        "checks": {
            "database": {"status": "up", "type": "sqlite"},
            "redis": {"status": "up", "type": "sqlite"},
        },
    }
    assert answer["Cache-Control"] == "no-store"


def test_a_part_that_is_down_is_named_and_nothing_else_is_told(
    anonymous: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_of(monkeypatch, database=Part(up, is_needed=True), elasticsearch=Part(down))
    health = anonymous.get("/health/")
    assert health.status_code == 503
    assert health.json()["status"] == "unhealthy"
    assert health.json()["checks"]["elasticsearch"]["status"] == "down"
    assert "secret" not in health.content.decode()
    # Logs are taken in all the same.
    assert anonymous.get("/health/ready/").status_code == 200
    watch_of(monkeypatch, database=Part(down, is_needed=True))
    ready = anonymous.get("/health/ready/")
    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
    live = anonymous.get("/health/live/")
    assert (live.status_code, live.json()) == (200, {"status": "alive"})


def test_what_works_with_trouble_is_degraded(
    anonymous: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_partition() -> Report:
        return Report(Status.DEGRADED, {"type": "tantivy", "broken": ["pool-0/2026-W01"]})

    watch_of(monkeypatch, elasticsearch=Part(broken_partition))
    answer = anonymous.get("/health/")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["elasticsearch"]["broken"] == ["pool-0/2026-W01"]
    watch_of(monkeypatch, database=Part(up), shipper=Part(down, is_essential=False))
    assert anonymous.get("/health/").json()["status"] == "degraded"


def test_a_part_that_hangs_is_down_and_takes_one_thread(
    anonymous: APIClient, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.HEALTH_CHECK_TIMEOUT = 1.0
    release = threading.Event()
    asked: list[int] = []

    def hang() -> Report:
        asked.append(1)
        release.wait(120)
        return up()

    watch_of(monkeypatch, database=Part(hang, is_needed=True), redis=Part(up))
    for _ in range(3):
        answer = anonymous.get("/health/")
        assert answer.status_code == 503
        checks = answer.json()["checks"]
        assert (checks["database"]["status"], checks["redis"]["status"]) == ("down", "up")
    assert len(asked) == 1
    release.set()
    settings.HEALTH_CHECK_TIMEOUT = 60.0
    assert anonymous.get("/health/").status_code == 200


def test_processes_that_count_limits_each_for_itself_are_told(
    journal_dir: Path, settings: Settings, own_redis: RedisServer, use_redis: UseRedis
) -> None:
    settings.REDIS = None

    def asked() -> Report:
        return parts()["redis"].check()

    try:
        note_processes(3)
        assert asked().status is Status.DEGRADED
        assert "3 processes count limits and quotas each for itself" in asked().facts["detail"]
        use_redis(own_redis)
        assert asked().status is Status.UP
    finally:
        note_processes(1)


def test_one_process_counts_for_all(journal_dir: Path, settings: Settings) -> None:
    settings.REDIS = None
    assert parts()["redis"].check() == Report(Status.UP, {"type": "embedded"})


def test_the_journal_says_how_full_it_is(journal_dir: Path) -> None:
    report = check_journal()
    assert report.status is Status.UP
    assert report.facts["max_bytes"] == 2**20
    assert (report.facts["bytes"], report.facts["entries"]) == (0, 0)
    journal_process.journal().append([b"x" * 100])
    assert check_journal().facts["entries"] == 1


def test_a_shipper_that_does_not_run_is_noticed(journal_dir: Path) -> None:
    journal_process.journal()
    assert check_shipper().status is Status.DOWN
    shipper_says(journal_dir, "running")
    assert check_shipper().status is Status.UP
    shipper_says(journal_dir, "retrying")
    assert check_shipper().status is Status.DEGRADED
    shipper_says(journal_dir, "stopped")
    assert check_shipper().status is Status.DOWN
    shipper_says(journal_dir, "running", seconds_ago=60)
    assert check_shipper().status is Status.DOWN
    # It said so before the clock was set back.
    shipper_says(journal_dir, "running", seconds_ago=-3_600)
    assert check_shipper().status is Status.DOWN


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (HOLDING_BACK, "4 records wait for 3d-pool0/2026-11-20 since 12:00 (it is closed)"),
        (ISOLATING, "ship: ValueError in shapes.py, line 7"),
    ],
)
def test_what_a_shipper_struggles_with_is_said(journal_dir: Path, state: str, why: str) -> None:
    journal_process.journal()
    now_ns = SYSTEM_CLOCK.now_ns()
    write_status(journal_dir, ShipperStatus(1, state, now_ns, now_ns, last_error=why))
    report = check_shipper()
    assert (report.status, report.facts["detail"]) == (Status.DEGRADED, f"it is {state}: {why}")


def test_how_many_organisations_are_refused_is_told(journal_dir: Path) -> None:
    journal_process.journal()
    shipper_says(journal_dir, "holding back")
    Refused(journal_dir).say({OrgId(UUID(int=1)), OrgId(UUID(int=2))})
    assert check_shipper().facts["refused_organisations"] == 2


def test_the_lag_of_the_shipper_is_told(journal_dir: Path) -> None:
    journal_process.journal().append([b"x"])
    shipper_says(journal_dir, "running")
    facts = check_shipper().facts
    assert facts["lag_entries"] == 1
    assert facts["lag_seconds"] >= 0


@pytest.mark.parametrize(
    ("beat", "worker", "job", "statuses", "detail"),
    [
        (None, None, None, ("down", "down"), "nothing was heard of it yet"),
        (1, 1, 1, ("up", "up"), ""),
        (1, 1, 49, ("up", "up"), ""),
        (1, 1, 51, ("up", "degraded"), "has carried out no job for 51 s"),
        (1, 1, None, ("up", "degraded"), "has carried out no job yet"),
        (36, 1, 40, ("down", "up"), "beat does not run: nothing for 36 s"),
        (36, 1, 99, ("down", "up"), "beat does not run: nothing for 36 s"),
        (1, 36, 36, ("up", "down"), "no worker runs: nothing for 36 s"),
    ],
)
def test_a_dead_beat_and_a_dead_worker_are_told_apart(
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    beat: int | None,
    worker: int | None,
    job: int | None,
    statuses: tuple[str, str],
    detail: str,
) -> None:
    settings.RUN_DIR = tmp_path
    settings.REDIS = None
    clock = TurnedClock()
    monkeypatch.setattr(pulses, "SYSTEM_CLOCK", clock)
    for name, seconds in (("beat", beat), ("worker", worker), ("job", job)):
        if seconds is not None:
            then_ns = clock.now_ns() - seconds * 10**9
            (tmp_path / f"pulse-{name}").write_text(f"{then_ns}\n")
    reports = check_beat(), check_worker()
    assert tuple(report.status.value for report in reports) == statuses
    assert detail in " ".join(str(report.facts.get("detail", "")) for report in reports)


def test_redis_is_asked_for_what_it_does_with_our_keys(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    assert check_redis() == Report(Status.UP, {"type": "redis"})
    own_redis.client().config_set("maxmemory-policy", "allkeys-lru")
    assert check_redis().status is Status.UP
    own_redis.client().config_set("maxmemory", "100mb")
    forgetful = check_redis()
    assert forgetful.status is Status.DEGRADED
    assert "allkeys-lru" in str(forgetful.facts["detail"])


def test_redis_that_takes_nothing_in_is_down(own_redis: RedisServer, use_redis: UseRedis) -> None:
    use_redis(own_redis)
    own_redis.client().config_set("maxmemory", "1")
    full = check_redis()
    assert full == Report(Status.DOWN, {"type": "redis", "detail": "it refuses to be written to"})
    own_redis.client().config_set("maxmemory", "0")
    assert check_redis().status is Status.UP
    own_redis.become_replica()
    assert check_redis() == full
    own_redis.become_primary()
    assert check_redis().status is Status.UP


@pytest.mark.parametrize("trouble", ["killed", "hanging"])
def test_redis_that_is_away_is_down_within_its_time_and_up_again_by_itself(
    anonymous: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    own_redis: RedisServer,
    use_redis: UseRedis,
    trouble: str,
) -> None:
    use_redis(own_redis, **HASTY)
    watch_of(monkeypatch, redis=Part(check_redis), worker=Part(check_worker, is_essential=False))
    note_pulse(Pulse.WORKER)
    assert anonymous.get("/health/").status_code == 200
    own_redis.kill() if trouble == "killed" else own_redis.hang()
    began = time.monotonic()
    answer = anonymous.get("/health/")
    # Its time limits, and what a busy machine adds.
    assert time.monotonic() - began < 2 * HASTY_SECONDS + 10
    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"]["status"] == "down"
    # Searches and intake go on without it.
    assert anonymous.get("/health/ready/").status_code == 200
    own_redis.start() if trouble == "killed" else own_redis.go_on()
    until(lambda: anonymous.get("/health/").status_code == 200)
