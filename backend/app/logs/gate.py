"""How many searches run at once in a process, and how long the others wait for their turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import Unavailable
from app.logs.metrics import SEARCHES_REFUSED

RETRY_AFTER_SECONDS = 1


class Gate:
    """Lets `running` callers in at once; one more waits, at most `wait_seconds`.

    At most `waiting` callers wait, so that a flood of searches is answered instead of hoarded.
    """

    def __init__(self, *, running: int, waiting: int, wait_seconds: float) -> None:
        self._running = running
        self._wait_seconds = wait_seconds
        self._inside = threading.BoundedSemaphore(running)
        self._at_the_door = threading.BoundedSemaphore(running + waiting)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A turn; `Unavailable` with code `too_many_searches` when none came in time."""
        if not self._at_the_door.acquire(blocking=False):
            raise self._refusal()
        try:
            if not self._inside.acquire(timeout=self._wait_seconds):
                raise self._refusal()
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._at_the_door.release()

    def _refusal(self) -> Unavailable:
        SEARCHES_REFUSED.inc()
        return Unavailable(
            f"{self._running} searches are running already (SEARCH_CONCURRENCY), try again",
            code="too_many_searches",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
