"""Hands stored records to observers without ever waiting for one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import structlog

from app.core.ids import OrgId
from app.ingest.shipping.metrics import OBSERVER_DROPPED
from app.logstore.interface import Observer
from app.logstore.types import RoutedRecord

log = structlog.get_logger(__name__)

# So many records may wait for a slow observer; further ones pass it by.
MAX_WAITING_RECORDS = 50_000


class ObserverLane:
    """One observer with a thread of its own: what it fails on or has no time for is dropped and
    counted, and what comes next is offered again."""

    def __init__(
        self, observer: Observer, *, max_waiting_records: int = MAX_WAITING_RECORDS
    ) -> None:
        self._observer = observer
        self._max_waiting_records = max_waiting_records
        self._waiting: deque[Sequence[RoutedRecord]] = deque()
        self._waiting_records = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._run, name=f"observer-{observer.name}", daemon=True
        )
        self._thread.start()

    def wants(self, org_id: OrgId) -> bool:
        """Whether it is worth keeping records of this organisation until their commit."""
        return self._observer.wants(org_id)

    def offer(self, records: Sequence[RoutedRecord]) -> None:
        """Returns at once. The observer gets these records, which are of one organisation, later;
        or never, if it is behind or does not want them."""
        if not records or not self._observer.wants(records[0].org_id):
            return
        with self._changed:
            has_room = self._waiting_records + len(records) <= self._max_waiting_records
            # However large, a single one is taken by an observer that keeps up.
            if has_room or not self._waiting:
                self._waiting.append(records)
                self._waiting_records += len(records)
                self._changed.notify()
                return
        self._drop(records, "slow")

    def close(self, *, timeout_seconds: float) -> None:
        """Lets the observer finish what waits, for so long at most."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while (records := self._next()) is not None:
            try:
                self._observer.observe(records)
            except Exception:
                log.exception("observer_failed", observer=self._observer.name)
                self._drop(records, "failed")
        try:
            self._observer.close()
        except Exception:
            log.exception("observer_failed", observer=self._observer.name)

    def _next(self) -> Sequence[RoutedRecord] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            if not self._waiting:
                return None
            records = self._waiting.popleft()
            self._waiting_records -= len(records)
            return records

    def _drop(self, records: Sequence[RoutedRecord], reason: str) -> None:
        OBSERVER_DROPPED.labels(self._observer.name, reason).inc(len(records))
