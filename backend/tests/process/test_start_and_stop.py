"""`make run`: it starts, says what a newcomer needs, stops in good order, and nothing hinders it."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.process.lives import lives, wait_until_dead
from tests.process.programs import environment_of, manage, wait_until
from tests.process.running import BACKEND
from tests.process.service import PARTS, STOP_SECONDS, Service, Tenant, report
from tests.process.standstill import Standstill, within

pytestmark = pytest.mark.alone

SECOND_START_SECONDS = 5.0
# What that is on a machine that does nothing else.
SECOND_START_IN_BARE_STARTS = 3.5
BACK_SECONDS = 2.0
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """What the very first start says and leaves; it has been stopped again."""
    service = Service(tmp_path_factory.mktemp("first") / "data")
    try:
        service.start()
        # The last line of what it says to newcomers.
        service.hear("API: .* Admin: ")
        told = "\n".join(service.said).replace("\\\n", " ")
        curl = next(line for line in told.splitlines() if line.strip().startswith("curl "))
        shell = subprocess.run(
            ["/bin/sh", "-c", curl], capture_output=True, text=True, check=False, timeout=60
        )
        service.said.append(f"pasted: {shell.stdout}{shell.stderr}")
        service.stop()
        yield service
    finally:
        service.close()


@pytest.fixture
def running(first: Service, tmp_path: Path) -> Iterator[Service]:
    """A second start over a copy of what the first one left."""
    shutil.copytree(first.data_dir, tmp_path / "data")
    service = Service(tmp_path / "data")
    try:
        service.start()
        yield service
    finally:
        service.close()


def test_the_first_start_prints_what_a_newcomer_needs(first: Service) -> None:
    said = "\n".join(first.said)
    assert f"listening on {first.url}" in said
    assert re.search(r"elkv_\w+", said)
    assert "admin" in said.lower()
    assert "password" in said.lower()


def test_the_printed_curl_line_works_when_pasted(first: Service) -> None:
    assert '"accepted":1' in first.said[-1] or any(
        line.startswith("pasted:") and '"accepted":1' in line for line in first.said
    )


def test_secrets_are_for_their_owner_only(first: Service) -> None:
    files = [path for path in (first.data_dir / "secrets").rglob("*") if path.is_file()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not list(first.data_dir.glob(".first_run"))


def test_the_second_start_is_quick_and_says_no_secret_again(running: Service) -> None:
    started = next(line for line in running.said if "listening on" in line)
    assert started
    seconds = running.stop()
    assert seconds < STOP_SECONDS
    assert_starts_quickly(running)
    assert not re.search(r"elkv_\w{8,}", "\n".join(running.said))


def test_all_parts_run_in_the_session_of_the_supervisor(running: Service) -> None:
    wait_until(lambda: set(running.parts()) == set(PARTS), PATIENCE_SECONDS)
    for child in running.supervisor.children(recursive=True):
        assert os.getsid(child.pid) == running.supervisor.pid


@pytest.mark.parametrize("name", list(PARTS))
def test_a_part_that_dies_is_back_within_two_seconds_and_said_so(
    running: Service, name: str
) -> None:
    wait_until(lambda: name in running.parts(), PATIENCE_SECONDS)
    victim = running.parts()[name]
    with within(BACK_SECONDS):
        victim.kill()
        running.wait_for_part(name, other_than=victim.pid, seconds=PATIENCE_SECONDS)
    assert "starts again" in running.hear(f"{name} was ended by SIGKILL")
    with httpx.Client(base_url=running.url, timeout=PATIENCE_SECONDS) as client:
        assert client.get("/health/live/").status_code == 200


def test_a_web_server_that_is_killed_refuses_no_connection(running: Service) -> None:
    bare = bare_start_seconds(running)
    with (
        httpx.Client(base_url=running.url, timeout=PATIENCE_SECONDS) as client,
        within(max(SECOND_START_SECONDS, SECOND_START_IN_BARE_STARTS * bare)),
    ):
        running.parts()["web"].kill()
        assert client.get("/health/live/").status_code == 200


@pytest.mark.parametrize("to_all", [False, True], ids=["the supervisor", "everybody"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_keeps_what_was_acknowledged(
    running: Service, number: signal.Signals, *, to_all: bool
) -> None:
    tenant = running.join("Acme")
    lines = b"\n".join(b'{"message":"kept %d"}' % n for n in range(500))
    with tenant.client() as client:
        assert client.post("/api/v1/logs/", content=lines).json()["accepted"] == 500
    children = running.supervisor.children(recursive=True)
    assert running.process is not None
    if to_all:
        with within(STOP_SECONDS):
            os.killpg(running.process.pid, number)
            assert running.process.wait(PATIENCE_SECONDS) == 0
    else:
        assert running.stop(number) < STOP_SECONDS
    assert not any(map(lives, children))
    assert not [line for line in running.said if "starts again" in line or "killed" in line]
    assert "Traceback" not in "\n".join(running.said)
    running.start()
    assert found(tenant, "kept") == 500


def bare_start_seconds(service: Service) -> float:
    """How long a command of ours takes to begin and end, over the same directory."""
    before = time.monotonic()
    manage(environment_of(service.data_dir), "check")
    return time.monotonic() - before


def assert_starts_quickly(service: Service) -> None:
    """Like a start that has nothing to prepare; where others keep the machine busy, as much longer
    as everything else takes."""
    before = bare_start_seconds(service)
    with Standstill() as standstill:
        took = service.start() - standstill.seconds
    bare = max(before, bare_start_seconds(service))
    report(f"started in {took:.1f} s, bare starts took {before:.1f} and {bare:.1f} s")
    assert took < max(SECOND_START_SECONDS, SECOND_START_IN_BARE_STARTS * bare)


def found(tenant: Tenant, q: str) -> int:
    tenant.send([b'{"message":"a last one"}'])
    return tenant.count(q)


def test_everything_dies_with_a_killed_supervisor_and_starts_again_at_once(
    running: Service,
) -> None:
    children = running.supervisor.children(recursive=True)
    assert running.process is not None
    with within(2.0):
        running.process.kill()
        running.process.wait()
        wait_until_dead(children, PATIENCE_SECONDS)
    assert_starts_quickly(running)


def test_files_left_behind_by_a_crash_hinder_no_start(running: Service) -> None:
    running.kill()
    data = running.data_dir
    for name in ("broker/control/celery.exchange", "run/left.sock", "celerybeat.pid"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("")
    (data / "broker" / "messages").mkdir(parents=True, exist_ok=True)
    (data / "broker" / "messages" / "1_x.celery.msg").write_text('{"cut": "sho')
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(data / "run" / "bound.sock"))
    assert_starts_quickly(running)
    assert found(running.join("Acme"), "") == 1
    time.sleep(2)
    running.parts()["worker"].status()
    assert not [line for line in running.said if "worker" in line and "starts again" in line]


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_once(tmp_path / "data", port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_directory_in_use_is_said(running: Service) -> None:
    done = run_once(running.data_dir, 0)
    assert done.returncode == 1
    assert "in use by another running group" in done.stderr


def test_debug_is_off(running: Service) -> None:
    answer = httpx.get(f"{running.url}/no/such/path/", headers={"Accept": "text/html"}, timeout=60)
    assert answer.status_code == 404
    assert "DEBUG" not in answer.text
    assert "urlconf" not in answer.text.lower()


def run_once(data_dir: Path, port: int) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    kept = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-m", "config.run"],
        cwd=BACKEND,
        env={**kept, "DATA_DIR": str(data_dir), "PORT": str(port)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
