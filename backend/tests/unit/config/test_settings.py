"""The settings as a process meets them: started for real, with an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.secret_files import new_rsa_key, new_secret_key

BACKEND_DIR = Path(__file__).resolve().parents[3]


def manage(data_dir: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BACKEND_DIR,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def production(**changes: str) -> dict[str, str]:
    return {
        "ENVIRONMENT": "production",
        "SECRET_KEY": new_secret_key(),
        "JWT_PRIVATE_KEY": new_rsa_key(),
        "ALLOWED_HOSTS": "logs.example.com",
        **changes,
    }


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_production_names_every_secret_that_is_missing(tmp_path: Path, environment: str) -> None:
    ended = manage(tmp_path, "check", ENVIRONMENT=environment)
    assert ended.returncode != 0
    for name in ("SECRET_KEY", "JWT_PRIVATE_KEY", "ALLOWED_HOSTS"):
        assert name in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "secrets").exists()


def test_production_does_not_start_with_debug(tmp_path: Path) -> None:
    ended = manage(tmp_path, "check", **production(DEBUG="1"))
    assert ended.returncode != 0
    assert "DEBUG" in ended.stderr.splitlines()[-1]


def test_the_deployment_check_finds_nothing_in_production(tmp_path: Path) -> None:
    ended = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **production())
    assert ended.returncode == 0, ended.stderr
    assert "no issues (0 silenced)" in ended.stdout + ended.stderr


def test_a_value_that_cannot_be_read_is_named_when_it_starts(tmp_path: Path) -> None:
    ended = manage(tmp_path, "check", JOURNAL_MAX_BYTES="a lot")
    assert ended.returncode != 0
    assert "JOURNAL_MAX_BYTES" in ended.stderr.splitlines()[-1]


def test_the_embedded_default_migrates_and_welcomes_once(tmp_path: Path) -> None:
    assert manage(tmp_path, "migrate", "--no-input", "--verbosity", "0").returncode == 0
    first = manage(tmp_path, "first_run", "--url", "http://127.0.0.1:1234/")
    assert first.returncode == 0, first.stderr
    assert "elkv_" in first.stdout
    assert "http://127.0.0.1:1234/api/v1/logs/" in first.stdout
    again = manage(tmp_path, "first_run")
    assert (again.returncode, again.stdout) == (0, "")
    assert {path.name for path in (tmp_path / "secrets").iterdir()} == {
        "jwt_private_key.pem",
        "secret_key",
    }


def test_production_passes_djangos_own_check_for_deployments(tmp_path: Path) -> None:
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "INFO", **production())
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout
