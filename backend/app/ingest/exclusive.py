"""Who works on a journal: one shipper, and any number of processes that take logs in. Locks that the
kernel frees however their holders end."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

FILE_NAME = "shipper.lock"
INTAKE_FILE_NAME = "intake.lock"


@contextmanager
def only_shipper(directory: Path, wait: Callable[[], bool]) -> Iterator[bool]:
    """Holds the lock for the block, `True` then. While another process has it, says so once and
    calls `wait` between tries; when that returns `False` the block runs with `False`."""
    file = _open(directory / FILE_NAME)
    try:
        is_held = _try(file)
        if not is_held:
            log.warning("shipper_waiting", holder=_holder(file), directory=str(directory))
            while not is_held and wait():
                is_held = _try(file)
        if is_held:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield is_held
    finally:
        os.close(file)


class IntakeMark:
    """Says that this process takes logs in, until it is closed or the process ends."""

    def __init__(self, directory: Path) -> None:
        self._file = _open(directory / INTAKE_FILE_NAME)
        # Only `is_taken_in` ever holds it alone, for a moment.
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        os.close(self._file)


def is_taken_in(directory: Path) -> bool:
    """Whether any process takes logs in over this journal."""
    file = _open(directory / INTAKE_FILE_NAME)
    try:
        return not _try(file)
    finally:
        os.close(file)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: int) -> str:
    return os.pread(file, 32, 0).decode(errors="replace").strip()
