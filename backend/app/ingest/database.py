"""The config database, asked from threads of the edge that Django knows nothing of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import connections
from django.db.utils import DatabaseError

from app.core.errors import Unavailable

T = TypeVar("T")


def ask_database(work: Callable[[], T]) -> T:
    """Runs `work` with connections that are closed when they are stale, as at the ends of a
    request; `Unavailable` when the database does not answer."""
    _close_stale_connections()
    try:
        return work()
    except DatabaseError as error:
        raise Unavailable("the database does not answer", code="database_down") from error
    finally:
        _close_stale_connections()


def _close_stale_connections() -> None:
    for connection in connections.all(initialized_only=True):
        # A caller's transaction is not ours to end.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
