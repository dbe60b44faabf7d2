"""The search of this process: one reader, one gate, opened on the first question."""

from __future__ import annotations

import hashlib
import threading

from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.logs.gate import Gate
from app.logs.search import LogSearch
from app.logstore.registry import open_reader
from app.streams.known_places import known_hidden

_WAITING_PER_RUNNING = 8
_THREADS_FOR_OTHERS = 8

_lock = threading.Lock()


class _Opened:
    """What this process has open: one reader is the point of this module."""

    search: LogSearch | None = None


def log_search() -> LogSearch:
    """The search, opened on the first call in this process."""
    with _lock:
        if _Opened.search is None:
            _Opened.search = LogSearch(
                open_reader(settings.LOG_STORE, settings.LOG_STORE_LOCATION, hidden=known_hidden()),
                clock=SYSTEM_CLOCK,
                gate=_gate(),
                cursor_keys=cursor_keys(
                    *map(str, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))
                ),
            )
        return _Opened.search


def _gate() -> Gate:
    # Who waits holds a thread: searches must not take all of them from everything else.
    running = settings.SEARCH_CONCURRENCY
    spare = settings.WEB_THREADS - running - _THREADS_FOR_OTHERS
    return Gate(
        running=running,
        waiting=max(0, min(running * _WAITING_PER_RUNNING, spare)),
        wait_seconds=settings.SEARCH_WAIT_SECONDS,
    )


def use(search: LogSearch | None) -> None:
    """Answers with this one from now on; `None`: opens a new one when it is needed."""
    with _lock:
        _Opened.search = search


def cursor_keys(*secrets: str) -> tuple[bytes, ...]:
    """A key for nothing but cursors from each secret of the installation."""
    return tuple(
        hashlib.blake2b(secret.encode(), digest_size=32, person=b"elkv-cursor").digest()
        for secret in secrets
    )
