"""What manage.py says when it cannot do what it was asked to."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.process.programs import environment_of
from tests.process.running import BACKEND


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BACKEND,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"WEB_THREADS": "x"}, "manage.py: WEB_THREADS: 'x' is not a whole number\n"),
        ({"ENVIRONMENT": "prod"}, "manage.py: ENVIRONMENT: 'prod' is not one of "),
        ({}, "manage.py: no such table: "),
    ],
    ids=["a setting", "the environment", "a database that was not migrated"],
)
def test_what_the_operator_can_mend_is_one_sentence(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    environment = {**environment_of(tmp_path), **variables}
    done = manage(environment, "backup")
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    whole = manage(environment, "backup", "--traceback")
    assert whole.returncode == 1
    assert "Traceback" in whole.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--queues=alerts,bulky", "--queues: bulky is not among alerts, default, bulk"),
        ("--processes=0", "--processes: 0 is less than 1"),
    ],
)
def test_a_worker_that_could_do_nothing_does_not_start(
    tmp_path: Path, option: str, sentence: str
) -> None:
    done = manage(environment_of(tmp_path), "worker", option)
    assert (done.returncode, done.stderr) == (1, f"CommandError: {sentence}\n")


def test_what_a_command_keeps_is_nobody_else_s_to_read(tmp_path: Path) -> None:
    data = tmp_path / "some" / "data"
    assert manage(environment_of(data), "migrate", "--verbosity", "0").returncode == 0
    assert (data / "db.sqlite3").exists()
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    environment = environment_of(
        tmp_path, MONGO_HOST="127.0.0.1", MONGO_PORT=str(free_port()), MONGO_CONNECT_TIMEOUT="0.5"
    )
    done = manage(environment, "place_logs", "acme")
    assert done.returncode == 1
    assert done.stderr.startswith(f"manage.py: 127.0.0.1:{environment['MONGO_PORT']}: ")
    assert "Topology" not in done.stderr
    assert done.stderr.count("\n") == 1
