"""There is one shipper per journal: a lock that the kernel frees however its holder ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

FILE_NAME = "shipper.lock"


@contextmanager
def only_shipper(directory: Path, wait: Callable[[], bool]) -> Iterator[bool]:
    """Holds the lock for the block, `True` then. While another process has it, says so once and
    calls `wait` between tries; when that returns `False` the block runs with `False`."""
    directory.mkdir(parents=True, exist_ok=True)
    file = os.open(directory / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: int) -> str:
    return os.pread(file, 32, 0).decode(errors="replace").strip()
