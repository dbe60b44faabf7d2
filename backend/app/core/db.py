"""Transactions that mean the same on every database of ours."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import DatabaseError, OperationalError

from app.core.errors import Unavailable
from app.core.file_lock import file_lock

T = TypeVar("T")

_MONGODB = "mongodb"
_ATTEMPTS = 8
# SQLite waits for twenty seconds by itself: eight times that would be minutes.
_PATIENCE_SECONDS = 15.0
_PING_SECONDS = 2.0
_TRANSIENT_LABEL = "TransientTransactionError"
_FIRST_PAUSE_SECONDS = 0.02
_CHANCE = secrets.SystemRandom()


def atomic() -> AbstractContextManager[None]:
    """All or nothing: `with atomic(): …`.

    Short, and without network inside; nothing may catch an IntegrityError in it, because there are
    no savepoints everywhere. What follows from a commit goes into `after_commit`.
    """
    if connection.vendor == _MONGODB:
        # Django's own is a no-op there.
        context: AbstractContextManager[None] = _engine().transaction()
        return context
    return transaction.atomic()


def replacing_all(tables: Sequence[str], *, using: str) -> AbstractContextManager[None]:
    """For a work of minutes that writes these tables anew: what is in them when it ends is what was
    written inside, or, whatever happens, what was there before.

    On MongoDB they are empty at the beginning, elsewhere they are as they were.
    """
    if connections[using].vendor == _MONGODB:
        context: AbstractContextManager[None] = _engine(using).replacing(tables)
        return context
    return transaction.atomic(using=using)


def keeps_rows_that_name_missing_ones(using: str) -> bool:
    """Whether a row may name another one that is not there."""
    return connections[using].vendor == _MONGODB


@contextmanager
def snapshot(using: str) -> Iterator[None]:
    """Everything read inside is of one moment, and nobody waits for it; no writes."""
    engine = _engine(using)
    if engine.vendor == _MONGODB:
        with engine.snapshot():
            yield
        return
    # IMMEDIATE would keep all writers waiting until the end.
    mode, engine.transaction_mode = engine.transaction_mode, "DEFERRED"
    try:
        with transaction.atomic(using=using):
            yield
    finally:
        engine.transaction_mode = mode


@contextmanager
def migration_lock(using: str) -> Iterator[bool]:
    """Held for the block by one process at a time, `True` then; `False` when another has it.

    On MongoDB it is in the database and ends a minute after its holder died; of SQLite's file there is
    one beside it, which dies with its holder.
    """
    other = _engine(using)
    if other.vendor == _MONGODB:
        lease = other.lease("migrate")
        is_held = lease.take()
        try:
            yield is_held
        finally:
            lease.give_back()
        return
    if other.is_in_memory_db():
        yield True
        return
    with file_lock(Path(f"{other.settings_dict['NAME']}.migrating")) as is_held:
        yield is_held


def applied_migrations(using: str) -> list[str]:
    """Which migrations a database has seen, by name."""
    applied = MigrationRecorder(connections[using]).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)


@contextmanager
def other_sqlite(path: Path, *, alias: str) -> Iterator[None]:
    """Makes another SQLite file known under an alias for a while, for reading."""
    # Without IMMEDIATE: reading in a transaction stops nobody from writing.
    connections.settings[alias] = {
        **connections.settings[DEFAULT_DB_ALIAS],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{path.absolute().as_uri()}?mode=rw",
        "OPTIONS": {"timeout": 20},
        "CONN_MAX_AGE": 0,
    }
    try:
        yield
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def run_atomic(work: Callable[[], T]) -> T:
    """`work` in a transaction, again when another writer was in the way: it must be repeatable.

    Inside another transaction it is tried once: only the whole can be repeated.
    """
    attempts = 1 if is_in_transaction() else _ATTEMPTS
    until = time.monotonic() + _PATIENCE_SECONDS
    for attempt in range(attempts):
        try:
            with atomic():
                return work()
        except OperationalError as error:
            is_last = attempt == attempts - 1 or time.monotonic() >= until
            if is_last or not is_transient(error):
                raise
        # Chance keeps two writers from meeting again.
        time.sleep(_CHANCE.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))
    raise AssertionError("the last attempt returns or raises")


def ask_database(work: Callable[[], T]) -> T:
    """For threads that Django does not know of: runs `work` with connections that are closed when
    they are stale, as at the ends of a request; `Unavailable` when the database does not answer."""
    _close_stale_connections()
    try:
        return work()
    except DatabaseError as error:
        raise Unavailable("the database does not answer", code="database_unavailable") from error
    finally:
        _close_stale_connections()


def after_commit(work: Callable[[], None]) -> None:
    """Runs `work` once the surrounding transaction is on disk; at once when there is none."""
    transaction.on_commit(work)


def is_in_transaction() -> bool:
    """Whether a transaction of this thread is open."""
    if connection.vendor == _MONGODB:
        return bool(_engine().in_atomic_block_mongo)
    return connection.in_atomic_block


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed if tried again.

    MongoDB says so with a label. One whose commit was not answered has another label: it may be
    committed, and must not be repeated. Who waited in vain for a server has waited long enough: the
    driver labels that as well, and eight such tries would take half a minute.
    """
    if "database is locked" in str(error):
        return True
    cause: Any = error.__cause__
    has_label = getattr(cause, "has_error_label", None)
    return has_label is not None and bool(has_label(_TRANSIENT_LABEL)) and not cause.timeout


def ping_database(seconds: float = _PING_SECONDS) -> None:
    """Raises unless the database answers in time; for health checks, in a thread of their own."""
    if connection.vendor == _MONGODB:
        _engine().ping(seconds)
        return
    try:
        connection.ensure_connection()
        if not connection.is_usable():
            raise OperationalError("the connection is not usable")
    finally:
        connection.close()


def database_kind() -> str:
    """Which database it is: `sqlite` or `mongodb`."""
    return connection.vendor


def _close_stale_connections() -> None:
    for other in connections.all(initialized_only=True):
        # A caller's transaction is not ours to end.
        if not other.in_atomic_block:
            other.close_if_unusable_or_obsolete()


def _engine(using: str = DEFAULT_DB_ALIAS) -> Any:
    """The connection with what `app.core.mongodb` adds, which need not be installed to be here."""
    return connections[using]
