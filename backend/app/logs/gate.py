"""How many searches run at once in a process, and how long the others wait for their turn."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import OverLimit, Unavailable
from app.core.ids import OrgId
from app.logs.metrics import SEARCHES_REFUSED

RETRY_AFTER_SECONDS = 1


class Gate:
    """Lets `running` callers in at once; one more waits, at most `wait_seconds`.

    At most `waiting` callers wait, so that a flood of searches is answered instead of hoarded, and
    one organisation takes at most three quarters of all places, so that its flood is not everybody's.
    """

    def __init__(self, *, running: int, waiting: int, wait_seconds: float) -> None:
        self._running = running
        self._places = running + waiting
        self._places_each = max(1, self._places * 3 // 4)
        self._wait_seconds = wait_seconds
        self._inside = threading.BoundedSemaphore(running)
        self._lock = threading.Lock()
        self._taken: Counter[OrgId] = Counter()

    @contextmanager
    def entered(self, org_id: OrgId) -> Iterator[None]:
        """A turn; when none came in time `Unavailable` with code `too_many_searches`, when the
        organisation has its share already `OverLimit` with the same code."""
        self._take_place(org_id)
        try:
            if not self._inside.acquire(timeout=self._wait_seconds):
                raise self._all_taken()
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._leave_place(org_id)

    def _take_place(self, org_id: OrgId) -> None:
        with self._lock:
            if self._taken.total() >= self._places:
                raise self._all_taken()
            if self._taken[org_id] >= self._places_each:
                SEARCHES_REFUSED.inc()
                raise OverLimit(
                    f"{self._places_each} searches of this organisation are running or waiting"
                    " already (three quarters of all places), try again",
                    code="too_many_searches",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._taken[org_id] += 1

    def _leave_place(self, org_id: OrgId) -> None:
        with self._lock:
            self._taken[org_id] -= 1
            if not self._taken[org_id]:
                del self._taken[org_id]

    def _all_taken(self) -> Unavailable:
        SEARCHES_REFUSED.inc()
        return Unavailable(
            f"{self._running} searches are running already (SEARCH_CONCURRENCY), try again",
            code="too_many_searches",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
