"""`/metrics`: who may read it, and that it counts all processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from app.telemetry import metrics
from tests.conftest import client_with

# Linux numbers processes up to 2**22.
NO_PROCESS = 2**22 + 1
COUNT = """
import os, sys
from prometheus_client import Counter, Gauge
Counter("elkv_test_things", "Things").inc(int(sys.argv[1]))
Gauge("elkv_test_level", "Level", multiprocess_mode="livesum").set(int(sys.argv[1]))
sys.stdout.write(str(os.getpid()))
sys.stdout.flush()
if len(sys.argv) > 2:
    sys.stdin.read()
"""


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COUNT, *arguments],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def value_of(directory: Path, name: str) -> float | None:
    for line in metrics.exposition(directory).decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return None


def test_what_each_process_counted_is_added_up(tmp_path: Path) -> None:
    for number in ("3", "4"):
        start(tmp_path, number).communicate()
    assert value_of(tmp_path, "elkv_test_things_total") == 7


def test_of_a_process_that_ended_sums_stay_and_gauges_go(tmp_path: Path) -> None:
    start(tmp_path, "3").communicate()
    with start(tmp_path, "4", "wait") as alive:
        assert alive.stdout is not None
        alive.stdout.read(1)
        metrics.forget_dead_processes(tmp_path)
        assert value_of(tmp_path, "elkv_test_level") == 4
        assert value_of(tmp_path, "elkv_test_things_total") == 7
        alive.communicate()


def test_processes_that_die_often_do_not_fill_the_directory(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"counter_{NO_PROCESS + number}.db").touch()
    (tmp_path / "other.txt").touch()
    metrics.forget_dead_processes(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert "other.txt" in left
    assert len(left) == 1 + 32


def test_a_start_removes_what_former_processes_left_and_nothing_else(tmp_path: Path) -> None:
    with start(tmp_path, "4", "wait") as alive:
        assert alive.stdout is not None
        alive.stdout.read(1)
        of_living = set(tmp_path.iterdir())
        (tmp_path / f"counter_{NO_PROCESS}.db").touch()
        (tmp_path / f"gauge_mostrecent_{NO_PROCESS}.db").touch()
        (tmp_path / "other.txt").touch()
        metrics.forget_former_processes(tmp_path)
        assert set(tmp_path.iterdir()) == of_living | {tmp_path / "other.txt"}
        assert value_of(tmp_path, "elkv_test_things_total") == 4
        alive.communicate()


def test_a_reading_that_fails_takes_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[metrics.Reading]:
        raise FileNotFoundError(2, "No such file", "journal")

    def fine() -> list[metrics.Reading]:
        return [("elkv_test_reading", "Is there", 7.0)]

    monkeypatch.setattr(metrics, "_readers", [])
    for reader in (broken, fine):
        metrics.read_at_scrape(reader)
    start(tmp_path, "3").communicate()
    assert value_of(tmp_path, "elkv_test_reading") == 7
    assert value_of(tmp_path, "elkv_test_things_total") == 3


def test_requests_are_counted_by_route_not_by_path(anonymous: APIClient) -> None:
    for path in ("/nothing/1", "/nothing/2", "/health/live/"):
        anonymous.get(path)
    text = anonymous.get("/metrics").content.decode()
    assert 'route="health/live/"' in text
    assert 'route="none"' in text
    assert "/nothing/1" not in text
    assert "elkv_web_request_seconds_bucket" in text


def test_without_a_token_they_are_for_this_machine_only(
    anonymous: APIClient, settings: Settings
) -> None:
    settings.METRICS_TOKEN = None
    assert anonymous.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert anonymous.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    for address in ("192.0.2.1", "10.0.0.1", "", "unix"):
        assert anonymous.get("/metrics", REMOTE_ADDR=address).status_code == 403
    through_a_proxy = anonymous.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert through_a_proxy.status_code == 403


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("Bearer t0ken", 200), ("Bearer other", 401), ("t0ken", 401), ("Bearer \u00e9", 401)],
)
def test_with_a_token_whoever_has_it_may_read(
    settings: Settings, authorization: str, status: int
) -> None:
    settings.METRICS_TOKEN = "t0ken"
    client = client_with(Authorization=authorization)
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == status
    assert client_with().get("/metrics").status_code == 401
