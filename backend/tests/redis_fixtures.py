"""A Redis server of the test's own, and settings that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from pytest_django import Settings

from app.core.redis import forget_connections
from app.core.redis_cache import PrefixedRedisCache
from config.env import Env
from config.redis import cache_of, redis_from_env
from tests.redis_server import RedisServer

UseRedis = Callable[..., None]

# Nobody waits for long: for tests in which Redis hangs, but no less than a Redis that does not may need
# on a busy machine. In all others it may take its time, to speak TLS for instance.
HASTY_SECONDS = 2
HASTY = dict.fromkeys(("REDIS_CONNECT_TIMEOUT", "REDIS_SOCKET_TIMEOUT"), str(HASTY_SECONDS))
_PATIENT = {"REDIS_CONNECT_TIMEOUT": "10", "REDIS_SOCKET_TIMEOUT": "60"}


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server without a password."""
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def use_redis(settings: Settings) -> Iterator[UseRedis]:
    """Makes a server the one of the settings: `use_redis(server, REDIS_PASSWORD="…")`."""

    def point(server: RedisServer, **values: str) -> None:
        named = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port), **_PATIENT}
        close()
        settings.REDIS = redis_from_env(Env({**named, **values}))
        settings.CACHES = {"default": cache_of(settings.REDIS)}

    close()
    yield point
    close()


def close() -> None:
    """Closes what this process has open."""
    forget_connections()
    backend = caches["default"]
    if isinstance(backend, PrefixedRedisCache):
        for pool in backend._cache._pools.values():
            pool.disconnect()
