"""Whether processes have ended."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil

_PAUSE_SECONDS = 0.01


def lives(process: psutil.Process) -> bool:
    """Whether it runs. Who has ended stays in the table of processes until its parent takes note:
    of an orphan that is the machine's first process, which may take seconds."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_dead(processes: Iterable[psutil.Process], seconds: float) -> None:
    """Waits for the end of them all; `AssertionError` when one lives on."""
    deadline = time.monotonic() + seconds
    for process in processes:
        while lives(process):
            assert time.monotonic() < deadline, f"{process} lives on"
            time.sleep(_PAUSE_SECONDS)
