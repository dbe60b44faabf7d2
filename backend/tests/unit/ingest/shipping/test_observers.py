"""Observers never hold the shipper up; what passes one by is counted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

from prometheus_client import REGISTRY

from app.core.ids import OrgId
from app.ingest.directory import DefaultStreams
from app.ingest.normalising.quarantine import quarantined
from app.ingest.shipping.observers import ObserverLane
from app.ingest.shipping.shipper import Parts
from app.journal.batch import Batch
from app.journal.journal import Journal
from app.logstore.memory.store import MemoryStore
from app.logstore.types import Position, RoutedRecord
from tests.shipping import PATIENCE_SECONDS, is_shipped, shipping, until
from tests.unit.ingest.shipping.entries import QUICK, batch
from tests.unit.ingest.shipping.stores import PickyStore
from tests.unit.ingest.watcher import Watcher

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


class Failing:
    """Fails always."""

    name = "failing"
    calls = 0

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.calls += 1
        raise ValueError(len(records))

    def close(self) -> None:
        raise ValueError("it fails always")


class Stuck:
    """Does not come back until it is let go."""

    name = "stuck"

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.let_go.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self.let_go.set()


def test_observers_see_what_was_stored_and_a_bad_one_stops_nobody(journal: Journal) -> None:
    store = MemoryStore()
    good, failing, stuck = Watcher("good"), Failing(), Stuck()
    parts = Parts(journal, store, DefaultStreams(), observers=(failing, stuck, good))
    with shipping(parts, QUICK):
        for number in range(30):
            journal.append([batch(b'{"message":"%d"}' % number)])
        until(lambda: is_shipped(journal) and len(good.seen) == 30)
        stuck.let_go.set()
    assert good.seen == [str(number) for number in range(30)]
    assert failing.calls > 1


def test_observers_see_neither_what_was_stored_before_nor_what_was_refused(
    journal: Journal,
) -> None:
    store, watcher = PickyStore("unwanted"), Watcher("watcher")
    journal.append([batch(b'{"message":"known"}')])
    journal.append([batch(b'{"message":"new"}', b'{"message":"unwanted","n":1}', b"{half")])
    store.append([], position=Position(journal.id, 1))
    store.commit()
    with shipping(Parts(journal, store, DefaultStreams(), observers=(watcher,)), QUICK):
        until(lambda: is_shipped(journal) and len(watcher.seen) == 3)
    assert watcher.seen == ["new", "{half", '{"message":"unwanted","n":1}']
