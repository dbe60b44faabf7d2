"""Locks that the kernel frees however their holders end."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class LockFile:
    """A file to be locked, open until `close`. A lock ends with the last process that has this very
    file open, also one that inherited it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def fileno(self) -> int:
        """Its descriptor."""
        return self._file

    def take(self) -> bool:
        """Whether it is locked for us alone now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Locks it together with others who share it; waits for whoever has it alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        """Frees it, unless another process inherited it."""
        os.close(self._file)


@contextmanager
def file_lock(path: Path) -> Iterator[bool]:
    """Holds the lock for the block, `True` then; `False` when another process has it."""
    with closing(LockFile(path)) as lock:
        yield lock.take()
