"""The LMDB environment of a journal: opening, transactions, and what its errors mean.

No writemap, no nosync: a commit that returned is on disk. One instance per process and directory,
opened after fork.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb
import structlog

from app.core.durable_files import sync_directory
from app.core.errors import Broken, Full, Unavailable

log = structlog.get_logger(__name__)

MAX_READERS = 512
# LMDB says EIO when the last pages of a commit did not fit on the disk any more (a short write).
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class NoRoom(Full):
    """The map or the disk is full; nothing of the transaction was stored."""

    default_code = "journal_full"


@dataclass(frozen=True, slots=True)
class Tables:
    """The open environment and its named databases."""

    environment: lmdb.Environment
    entries: lmdb._Database
    damaged: lmdb._Database
    meta: lmdb._Database


class Storage:
    """Transactions on one journal directory. Safe for threads; not across fork."""

    def __init__(self, directory: Path, *, map_bytes: int) -> None:
        self._directory = directory
        self._map_bytes = map_bytes
        self._pid = os.getpid()
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        self._users = 0
        self._must_reopen = False
        self._is_closed = False
        self._tables = self._open()

    @contextmanager
    def reading(self) -> Iterator[tuple[Tables, lmdb.Transaction[memoryview]]]:
        """A read transaction: keep it short, it holds freed pages back."""
        with (
            self._translated(),
            self._used() as tables,
            tables.environment.begin(buffers=True) as transaction,
        ):
            yield tables, transaction

    @contextmanager
    def writing(self) -> Iterator[tuple[Tables, lmdb.Transaction[memoryview]]]:
        """A write transaction, durable when the block has ended; nothing of it if it raises."""
        with (
            self._translated(),
            self._writing,
            self._used() as tables,
            tables.environment.begin(write=True, buffers=True) as transaction,
        ):
            yield tables, transaction

    def check_readers(self) -> int:
        """Frees what dead readers hold back; how many there were."""
        with self._translated(), self._used() as tables:
            return tables.environment.reader_check()

    @property
    def page_bytes(self) -> int:
        with self._used() as tables:
            return tables.environment.stat()["psize"]

    def close(self) -> None:
        """Waits for running transactions; the journal is not used afterwards."""
        with self._changed:
            self._changed.wait_for(lambda: self._users == 0)
            if not self._is_closed and os.getpid() == self._pid:
                self._tables.environment.close()
            self._is_closed = True

    def abandon(self) -> None:
        """In a forked child: gives up what the parent has open, without touching it."""
        if os.getpid() != self._pid:
            self._tables.environment.close()
            self._is_closed = True

    @contextmanager
    def _used(self) -> Iterator[Tables]:
        if os.getpid() != self._pid:
            raise Broken("the journal was opened before fork: open it in the child")
        with self._changed:
            if self._must_reopen:
                self._reopen()
            if self._is_closed:
                raise Unavailable("the journal is closed", code="journal_closed")
            self._users += 1
            tables = self._tables
        try:
            yield tables
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            code = getattr(error, "code", 0)
            if isinstance(error, lmdb.MapFullError | lmdb.DiskError) or code in _NO_ROOM:
                raise NoRoom(str(error)) from error
            # After a failed write of its meta page LMDB refuses everything until it is reopened.
            self._must_reopen = self._must_reopen or isinstance(error, lmdb.PanicError)
            log.exception("journal_failed")
            raise Unavailable(f"the journal failed: {error}", code="journal_failed") from error

    def _reopen(self) -> None:
        self._changed.wait_for(lambda: self._users == 0)
        if self._must_reopen and not self._is_closed:
            # Where opening fails it is tried again, and closing once more changes nothing.
            self._tables.environment.close()
            self._tables = self._open()
            self._must_reopen = False

    def _open(self) -> Tables:
        self._directory.mkdir(parents=True, exist_ok=True)
        is_new = not (self._directory / "data.mdb").exists()
        with self._translated():
            environment = lmdb.open(
                str(self._directory),
                map_size=self._map_bytes,
                max_dbs=3,
                max_readers=MAX_READERS,
                mode=0o600,
                # Entries are read once and in order of writing.
                readahead=True,
            )
            try:
                self._refuse_cut_file(environment)
                tables = Tables(
                    environment,
                    environment.open_db(b"entries"),
                    environment.open_db(b"damaged"),
                    environment.open_db(b"meta"),
                )
            except Exception:
                environment.close()
                raise
        if is_new:
            # LMDB syncs what is in the file; that the file is there, the directory says.
            sync_directory(self._directory)
            sync_directory(self._directory.parent)
        return tables

    def _refuse_cut_file(self, environment: lmdb.Environment) -> None:
        # Reading a page behind the end of the file would kill the process (SIGBUS).
        pages = environment.info()["last_pgno"] + 1
        file_bytes = (self._directory / "data.mdb").stat().st_size
        if file_bytes < pages * environment.stat()["psize"]:
            raise Unavailable(
                f"the journal's file in '{self._directory}' is cut short: it has {file_bytes} bytes, "
                f"its index speaks of {pages} pages; move the directory away to start a new one",
                code="journal_damaged",
            )
