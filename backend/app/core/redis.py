"""Connections to Redis, each of them bounded in time and number.

Without REDIS_HOST there is no Redis: whoever may use it asks `is_on` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import redis
import redis.asyncio
import structlog
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.core.errors import Broken, Unavailable

__all__ = [
    "RedisError",
    "answering",
    "async_client",
    "client",
    "database",
    "is_on",
    "key_of",
    "redis_unavailable",
    "retry",
    "unlink_all",
]

log = structlog.get_logger(__name__)

# A connection that Redis closed, as in a restart, is opened anew once. What took too long is not
# tried again: twice the time limit would not be bounded by it.
_RETRIES = 1
_RETRIED = (redis.ConnectionError,)
_RETRY_AFTER_SECONDS = 2
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
