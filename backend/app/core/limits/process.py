"""The limiter of this process, chosen by the settings."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from app.core import redis as connections
from app.core.clock import SYSTEM_CLOCK
from app.core.limits.memory import MemoryLimiter
from app.core.limits.rules import Limiter
from app.core.limits.shared import SharedLimiter


def limiter() -> Limiter:
    """For all processes together where there is a Redis; else for this one, which on the embedded
    default is the only one that needs it."""
    if connections.is_on():
        return _shared(connections.client())
    return _own()


@lru_cache(maxsize=1)
def _shared(client: Any) -> SharedLimiter:
    return SharedLimiter(client)


@lru_cache(maxsize=1)
def _own() -> MemoryLimiter:
    return MemoryLimiter(SYSTEM_CLOCK)


class _Here:
    """What whoever starts processes like this one says of them."""

    processes = 1


def note_processes(count: int) -> None:
    """So many processes of this service answer requests on this host."""
    _Here.processes = count


def processes_counting_apart() -> int:
    """How many count each for itself what all of them should count together; 0: none."""
    return _Here.processes if _Here.processes > 1 and not connections.is_on() else 0


def forget_limits() -> None:
    """Begins anew for everybody."""
    _own.cache_clear()
    if connections.is_on():
        connections.unlink_all(connections.client(), connections.key_of("limit"))
