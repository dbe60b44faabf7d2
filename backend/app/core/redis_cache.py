"""Django's cache on Redis, next to everything else that is kept there."""

from __future__ import annotations

import json
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache
from typing_extensions import override

from app.core.redis import retry, unlink_all


class PrefixedRedisCache(RedisCache):
    """Clears what begins with its own prefix. Django's own empties the whole database, and with it
    the queues of Celery and everybody's limits."""

    @override
    def clear(self) -> bool:  # type: ignore[override]
        unlink_all(self._cache.get_client(None, write=True), self.key_prefix)
        return True


class JsonSerializer:
    """What the cache keeps, as JSON: nothing that comes out of Redis is ever executed."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def loads(self, kept: bytes) -> Any:
        return json.loads(kept)


class BoundedPool(redis.BlockingConnectionPool):
    """Waits for a free connection no longer than for an answer."""

    def __init__(self, **options: Any) -> None:
        bounds = {"timeout": options.get("socket_timeout"), "retry": retry()}
        super().__init__(**bounds, **options)  # type: ignore[no-untyped-call]
