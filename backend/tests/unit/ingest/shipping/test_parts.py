"""The small parts of the shipper: lock, faults, backoff, status, stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import Invalid
from app.ingest.exclusive import only_shipper
from app.ingest.shipping.backoff import Backoff
from app.ingest.shipping.faults import fault_of
from app.ingest.shipping.stopping import Stop
from app.journal.status import FILE_NAME, ShipperStatus, read_status, write_status
from app.logstore.interface import no_fault


def test_a_second_shipper_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    waits = 0

    def let_first_end_after_three() -> bool:
        nonlocal waits
        waits += 1
        if waits == 3:
            first.__exit__(None, None, None)
        return waits < 10

    first = only_shipper(tmp_path / "journal", lambda: False)
    assert first.__enter__()
    with only_shipper(tmp_path / "journal", let_first_end_after_three) as is_held:
        assert is_held
    assert waits == 3


def test_a_second_shipper_that_is_asked_to_stop_does_not_get_the_lock(tmp_path: Path) -> None:
    with only_shipper(tmp_path, lambda: False) as is_held:
        assert is_held
        with only_shipper(tmp_path, lambda: False) as is_held_twice:
            assert not is_held_twice


def test_a_shipper_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from app.ingest.exclusive import only_shipper

with only_shipper(Path(sys.argv[1]), lambda: False) as is_held:
    print(is_held, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "True\n")
    with only_shipper(tmp_path, lambda: False) as is_held:
        assert is_held


def test_a_fault_kills_the_process_the_nth_time(tmp_path: Path) -> None:
    program = """
from app.ingest.shipping.faults import fault_of

fault = fault_of("ship:after_commit:3")
for _ in range(5):
    fault("ship:before_trim")
    fault("ship:after_commit")
    print("went on", flush=True)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "went on\n" * 2)


def test_without_a_setting_nothing_ever_happens() -> None:
    assert fault_of("") is no_fault


@pytest.mark.parametrize("setting", ["ship", "ship:x", "ship:after_commit", "ship:a:0", ":3"])
def test_a_fault_that_cannot_be_read_is_refused(setting: str) -> None:
    with pytest.raises(Invalid):
        fault_of(setting)


def test_delays_double_to_five_seconds_and_begin_again() -> None:
    most, least = Backoff(lambda: 1.0), Backoff(lambda: 0.0)
    assert [most.next_seconds() for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert [least.next_seconds() for _ in range(3)] == [0.05, 0.1, 0.2]
    most.reset()
    assert most.next_seconds() == 0.1
    assert 0.05 <= Backoff().next_seconds() <= 0.1


def test_the_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    status = ShipperStatus(os.getpid(), "running", 1, 2, last_commit_ns=3)
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    (tmp_path / FILE_NAME).write_text('{"pid": 1, "later": true}')
    assert read_status(tmp_path) is None


def test_a_stop_ends_a_sleep() -> None:
    stop = Stop()
    assert stop.sleep(0.001)
    stop.ask()
    assert not stop.sleep(1_000_000)
