"""Who works on a journal: one shipper, and any number of processes that take logs in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from app.core.file_lock import LockFile, file_lock

log = structlog.get_logger(__name__)

FILE_NAME = "shipper.lock"
INTAKE_FILE_NAME = "intake.lock"


@contextmanager
def only_shipper(directory: Path, wait: Callable[[], bool]) -> Iterator[bool]:
    """Holds the lock for the block, `True` then. While another process has it, says so once and
    calls `wait` between tries; when that returns `False` the block runs with `False`."""
    with closing(LockFile(directory / FILE_NAME)) as lock:
        is_held = lock.take()
        if not is_held:
            log.warning("shipper_waiting", holder=_holder(lock), directory=str(directory))
            while not is_held and wait():
                is_held = lock.take()
        if is_held:
            os.ftruncate(lock.fileno(), 0)
            os.pwrite(lock.fileno(), f"{os.getpid()}\n".encode(), 0)
        yield is_held


def mark_intake(directory: Path) -> LockFile:
    """Says that this process takes logs in, until it is closed or the process ends."""
    mark = LockFile(directory / INTAKE_FILE_NAME)
    # Only `is_taken_in` ever holds it alone, for a moment.
    mark.share()
    return mark


def is_taken_in(directory: Path) -> bool:
    """Whether any process takes logs in over this journal."""
    with file_lock(directory / INTAKE_FILE_NAME) as is_free:
        return not is_free


def _holder(lock: LockFile) -> str:
    return os.pread(lock.fileno(), 32, 0).decode(errors="replace").strip()
