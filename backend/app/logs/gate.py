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
    one organisation takes at most three quarters of all places, so that its flood is not everybody's,
    and never the last one inside, so that its long searches keep nobody out.
    """

    def __init__(self, *, running: int, waiting: int, wait_seconds: float) -> None:
        self._running = running
        self._places = running + waiting
        self._places_each = max(1, self._places * 3 // 4)
        self._wait_seconds = wait_seconds
        self._running_each = max(1, running - 1)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._taken: Counter[OrgId] = Counter()
        self._inside: Counter[OrgId] = Counter()

    @contextmanager
    def entered(self, org_id: OrgId) -> Iterator[None]:
        """A turn; when none came in time `Unavailable` with code `too_many_searches`, when the
        organisation has its share already `OverLimit` with the same code."""
        self._take_place(org_id)
        try:
            self._go_in(org_id)
            try:
                yield
            finally:
                self._go_out(org_id)
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

    def _go_in(self, org_id: OrgId) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_turn(org_id), self._wait_seconds):
                raise self._all_taken()
            self._inside[org_id] += 1

    def _has_turn(self, org_id: OrgId) -> bool:
        is_free = self._inside.total() < self._running
        return is_free and self._inside[org_id] < self._running_each

    def _go_out(self, org_id: OrgId) -> None:
        with self._changed:
            self._inside[org_id] -= 1
            if not self._inside[org_id]:
                del self._inside[org_id]
            # Not everybody who waits may go in when anybody leaves.
            self._changed.notify_all()

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
