"""The probe of a shipper, as an orchestrator runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.clock import SYSTEM_CLOCK
from app.journal.status import ShipperStatus, write_status
from config.alive import why_not

BACKEND_DIR = Path(__file__).resolve().parents[3]


def probe(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "config.alive"],
        cwd=BACKEND_DIR,
        env={"DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def write(data_dir: Path, state: str, *, seconds_ago: float) -> None:
    then_ns = SYSTEM_CLOCK.now_ns() - int(seconds_ago * 1e9)
    (data_dir / "journal").mkdir(exist_ok=True)
    write_status(data_dir / "journal", ShipperStatus(1, state, then_ns, then_ns))


@pytest.mark.parametrize("state", ["running", "retrying", "holding back"])
def test_a_shipper_that_speaks_lives(tmp_path: Path, state: str) -> None:
    write(tmp_path, state, seconds_ago=60)
    probed = probe(tmp_path)
    assert probed.returncode == 0
    # It is asked every few seconds: what takes long to load stays out.
    for module in ("django.db", "lmdb", "elasticsearch"):
        assert f" {module}\n" not in probed.stderr


def test_it_is_said_for_how_long_nothing_was_heard(tmp_path: Path) -> None:
    write_status(tmp_path, ShipperStatus(1, "running", 0, 0))
    assert why_not(tmp_path, 120 * 10**9) == ""
    assert why_not(tmp_path, 300 * 10**9) == "says nothing for 300 s"


def test_a_shipper_that_is_not_there_or_silent_does_not(tmp_path: Path) -> None:
    probed = [probe(tmp_path)]
    write(tmp_path, "stopped", seconds_ago=1)
    probed.append(probe(tmp_path))
    write(tmp_path, "running", seconds_ago=300)
    probed.append(probe(tmp_path))
    # It said so before the clock was set back.
    write(tmp_path, "running", seconds_ago=-3_600)
    probed.append(probe(tmp_path))
    assert [one.returncode for one in probed] == [1, 1, 1, 1]
    words = ("has not run yet", "has stopped", "says nothing for 3", "says nothing for 3")
    assert all(word in one.stderr for word, one in zip(words, probed, strict=True))
