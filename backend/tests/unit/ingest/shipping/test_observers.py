"""Observers never hold the shipper up; what passes one by is counted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

from prometheus_client import REGISTRY

from app.core.ids import OrgId
from app.ingest.observers import ObserverLane
from app.ingest.quarantine import quarantined
from app.journal.batch import Batch
from app.logstore.types import RoutedRecord

PATIENCE_SECONDS = 20.0
BATCH = Batch(OrgId(UUID(int=1)), 1, 1, "ndjson", [b"x"])
RECORDS = [quarantined(BATCH, 0, reason="test")] * 10


class Slow:
    """Waits at its first batch until it is let go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()
        self.seen = 0
        self.is_closed = False

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.has_begun.set()
        self.may_go_on.wait(PATIENCE_SECONDS)
        self.seen += len(records)
        if self.seen == len(RECORDS):
            raise ValueError("the first batch is too much")

    def close(self) -> None:
        self.is_closed = True


def dropped(observer: Slow, reason: str) -> float:
    labels = {"observer": observer.name, "reason": reason}
    return REGISTRY.get_sample_value("elkv_shipper_observer_dropped_records_total", labels) or 0


def test_an_observer_that_is_behind_misses_what_does_not_fit_and_then_goes_on() -> None:
    observer = Slow("behind")
    lane = ObserverLane(observer, max_waiting_records=25)
    lane.offer(RECORDS)
    assert observer.has_begun.wait(PATIENCE_SECONDS)
    for _ in range(4):
        lane.offer(RECORDS)
    assert dropped(observer, "slow") == 20
    observer.may_go_on.set()
    lane.close(timeout_seconds=PATIENCE_SECONDS)
    assert observer.seen == 30
    assert observer.is_closed
    assert dropped(observer, "failed") == 10


def test_an_observer_that_keeps_up_gets_a_batch_of_any_size() -> None:
    observer = Slow("keeps_up")
    observer.may_go_on.set()
    lane = ObserverLane(observer, max_waiting_records=5)
    lane.offer(RECORDS * 2)
    lane.close(timeout_seconds=PATIENCE_SECONDS)
    assert observer.seen == 20


def test_closing_does_not_wait_for_an_observer_that_is_stuck() -> None:
    observer = Slow("stuck")
    lane = ObserverLane(observer)
    lane.offer(RECORDS)
    assert observer.has_begun.wait(PATIENCE_SECONDS)
    lane.close(timeout_seconds=0.01)
    assert observer.seen == 0
    observer.may_go_on.set()


class Picky(Slow):
    """Wants one organisation's records, and those not always."""

    wanted = frozenset({BATCH.org_id})

    def wants(self, org_id: OrgId) -> bool:
        return org_id in self.wanted


def test_an_observer_gets_what_it_wants_at_that_time() -> None:
    observer = Picky("picky")
    observer.may_go_on.set()
    lane = ObserverLane(observer)
    others = Batch(OrgId(UUID(int=2)), 1, 1, "ndjson", [b"x"])
    assert lane.wants(BATCH.org_id)
    assert not lane.wants(others.org_id)
    lane.offer([])
    lane.offer([quarantined(others, 0, reason="test")])
    lane.offer(RECORDS)
    observer.wanted = frozenset()
    lane.offer(RECORDS)
    lane.close(timeout_seconds=PATIENCE_SECONDS)
    assert observer.seen == 10
