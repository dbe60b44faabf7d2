"""The journal of this process: configured once, opened on first use, again in each forked child."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from app.core.errors import Broken
from app.journal.committer import GroupCommitter
from app.journal.journal import Journal
from app.journal.keeper import JournalKeeper, Keeper


class _Process:
    """What this process has open."""

    def __init__(self, where: tuple[Path, int] | None = None) -> None:
        self.lock = threading.Lock()
        self.where = where
        self.journal: Journal | None = None
        self.committer: GroupCommitter | None = None
        self.keeper: Keeper | None = None

    def open_journal(self) -> Journal:
        if self.journal is None:
            if self.where is None:
                raise Broken("the journal is not configured")
            directory, max_bytes = self.where
            self.journal = Journal(directory, max_bytes=max_bytes)
        return self.journal

    def forget(self) -> None:
        # LMDB must not be used across fork: the child opens its own, the parent's is left alone.
        if self.journal is not None:
            self.journal.abandon()
        self.lock = threading.Lock()
        self.journal = self.committer = self.keeper = None


_here = _Process()
os.register_at_fork(after_in_child=_here.forget)


def configure(directory: Path, *, max_bytes: int) -> None:
    """Says where the journal is; opens nothing. The same again is harmless."""
    with _here.lock:
        if _here.journal is not None and _here.where != (directory, max_bytes):
            raise Broken("the journal of this process is open already, elsewhere")
        _here.where = (directory, max_bytes)


def journal() -> Journal:
    """The journal, opened on the first call in this process."""
    with _here.lock:
        return _here.open_journal()


def committer() -> GroupCommitter:
    """The group commit thread of this process, started on the first call."""
    with _here.lock:
        if _here.committer is None:
            _here.committer = GroupCommitter(_here.open_journal())
        return _here.committer


def use_keeper(keeper: Keeper) -> None:
    """Says who keeps what is handed in here, in place of a journal."""
    with _here.lock:
        _here.keeper = keeper


def keeper() -> Keeper:
    """Who keeps what this process hands in: the one that was named, else its journal."""
    with _here.lock:
        return _here.keeper or JournalKeeper(_here.open_journal())


def close() -> None:
    """Commits what waits and closes; the next `journal()` opens again."""
    with _here.lock:
        if _here.committer is not None:
            _here.committer.close()
        if _here.journal is not None:
            _here.journal.close()
        _here.journal = _here.committer = _here.keeper = None
