"""Connections to Redis, each of them bounded in time and number.

Without REDIS_HOST there is no Redis: whoever may use it asks `is_on` first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

import redis
import redis.asyncio
import structlog
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Broken, Unavailable

__all__ = [
    "Breaker",
    "RedisError",
    "ResponseError",
    "answering",
    "asking",
    "async_client",
    "client",
    "database",
    "forget_connections",
    "is_on",
    "key_of",
    "redis_unavailable",
    "retry",
    "unlink_all",
]

log = structlog.get_logger(__name__)

# A connection that Redis closed, as in a restart, is opened anew once; so is one to a server that is
# a replica by now, since behind its address there may be another one. What took too long is not tried
# again: twice the time limit would not be bounded by it.
_RETRIES = 1
_RETRIED = (redis.ConnectionError, redis.ReadOnlyError)
_RETRY_AFTER_SECONDS = 2
_AWAY_SECONDS = 1.0
_KEYS_AT_ONCE = 500
_GLOB = str.maketrans({sign: f"\\{sign}" for sign in "\\*?[]"})


def is_on() -> bool:
    """Whether this installation has a Redis."""
    return settings.REDIS is not None


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """The connections of this process, for threads; a child of a fork opens its own."""
    entry = _entry()
    kind = redis.SSLConnection if entry["TLS"] else redis.Connection
    pool = redis.BlockingConnectionPool(  # type: ignore[no-untyped-call]
        connection_class=kind,
        max_connections=entry["MAX_CONNECTIONS"],
        timeout=entry["SOCKET_SECONDS"],
        retry=retry(),
        **_options(entry),
    )
    return redis.Redis.from_pool(pool)


def async_client(*, most_seconds: float = float("inf")) -> redis.asyncio.Redis:
    """New connections for one event loop; whoever asks closes them. They wait no longer than
    `most_seconds`, however long the settings allow."""
    entry = dict(_entry())
    for name in ("CONNECT_SECONDS", "SOCKET_SECONDS"):
        entry[name] = min(entry[name], most_seconds)
    kind = redis.asyncio.SSLConnection if entry["TLS"] else redis.asyncio.Connection
    pool = redis.asyncio.BlockingConnectionPool(
        connection_class=kind,
        max_connections=entry["MAX_CONNECTIONS"],
        timeout=entry["SOCKET_SECONDS"],
        retry=AsyncRetry(NoBackoff(), _RETRIES, supported_errors=_RETRIED),
        **_options(entry),
    )
    return redis.asyncio.Redis.from_pool(pool)


def database() -> int:
    """The number of the database that holds our keys."""
    return int(_entry()["DB"])


def key_of(*parts: str) -> str:
    """A key of this installation: `elkv:limit:…`."""
    return ":".join((_entry()["KEY_PREFIX"], *parts))


def unlink_all(using: redis.Redis, prefix: str) -> None:
    """Removes every key below a prefix, without holding up others."""
    keys: list[bytes] = []
    for key in using.scan_iter(f"{prefix.translate(_GLOB)}:*", count=_KEYS_AT_ONCE):
        keys.append(key)
        if len(keys) == _KEYS_AT_ONCE:
            using.unlink(*keys)
            keys.clear()
    if keys:
        using.unlink(*keys)


@contextmanager
def answering() -> Iterator[None]:
    """Turns whatever goes wrong with Redis inside into `Unavailable`, which is answered with 503."""
    try:
        yield
    except RedisError as error:
        log.warning("redis_failed", error=type(error).__name__, detail=str(error))
        raise redis_unavailable() from error


class Breaker:
    """Keeps the threads of a process from waiting, all of them, for a Redis that hangs: after one
    has waited in vain, one at a time tries again, and the others are told at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_suspect = False
        self._until = 0.0
        self._trying = threading.Lock()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Like `answering`; `Unavailable` also at once."""
        is_trial = self._enter()
        try:
            with answering():
                yield
        except Unavailable as error:
            self._is_suspect = isinstance(error.__cause__, redis.TimeoutError)
            self._until = self._clock.monotonic() + _AWAY_SECONDS
            raise
        else:
            self._is_suspect = False
        finally:
            if is_trial:
                self._trying.release()

    def _enter(self) -> bool:
        if not self._is_suspect:
            return False
        if self._clock.monotonic() < self._until or not self._trying.acquire(blocking=False):
            raise redis_unavailable()
        return True


class _Process:
    breaker = Breaker(SYSTEM_CLOCK)


def asking() -> AbstractContextManager[None]:
    """For what requests wait for; see `Breaker`."""
    return _Process.breaker.asking()


def forget_connections() -> None:
    """Closes what this process has open, and forgets what it knew of the server."""
    if client.cache_info().currsize:
        client().close()
    client.cache_clear()
    _Process.breaker = Breaker(SYSTEM_CLOCK)


def redis_unavailable() -> Unavailable:
    """What is answered while Redis is away, by whatever cannot be done without it."""
    return Unavailable(
        "redis does not answer",
        code="redis_unavailable",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )


def _entry() -> dict[str, Any]:
    entry = settings.REDIS
    if entry is None:
        raise Broken("Redis was asked for, but there is none")
    return entry


def retry() -> Retry:
    """How often a command is tried again."""
    return Retry(NoBackoff(), _RETRIES, supported_errors=_RETRIED)


def _options(entry: dict[str, Any]) -> dict[str, Any]:
    options = {
        "host": entry["HOST"],
        "port": entry["PORT"],
        "db": entry["DB"],
        "username": entry["USER"] or None,
        "password": entry["PASSWORD"] or None,
        "socket_connect_timeout": entry["CONNECT_SECONDS"],
        "socket_timeout": entry["SOCKET_SECONDS"],
        "socket_keepalive": True,
        "client_name": "elk-vision",
    }
    if entry["TLS"]:
        options["ssl_cert_reqs"] = "required"
        options["ssl_check_hostname"] = True
        options["ssl_ca_certs"] = entry["CA_FILE"] or None
    return options
