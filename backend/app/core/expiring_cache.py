"""A small cache in memory whose entries are forgotten after a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from app.core.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """Keeps what `load` answered for `seconds`, also that there is nothing (`None`).

    At most `most` entries: beyond, the oldest goes. One per process; any thread may use it.
    """

    def __init__(self, load: Callable[[K], V], *, seconds: float, most: int, clock: Clock) -> None:
        self._load = load
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._generation = 0
        self._entries: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V:
        """The value for `key`, loaded if it is not known or too old."""
        entry = self._entries.get(key)
        now = self._clock.monotonic()
        if entry is not None and entry[0] > now:
            return entry[1]
        generation = self._generation
        value = self._load(key)
        with self._lock:
            # What was loaded before a `clear` may be what the `clear` was about.
            if generation == self._generation:
                self._entries.pop(key, None)
                self._entries[key] = (now + self._seconds, value)
                if len(self._entries) > self._most:
                    del self._entries[next(iter(self._entries))]
        return value

    def clear(self) -> None:
        """Forgets everything: what it knew may have changed."""
        with self._lock:
            self._generation += 1
            self._entries.clear()
