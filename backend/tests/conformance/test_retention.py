"""`maintain` expires what a retention class no longer keeps, by receive time."""

from __future__ import annotations

import pytest

from app.logstore.types import NS_PER_DAY, RETENTION_CLASSES, AppendReport
from tests.conformance.cast import ALICE
from tests.conformance.records import NOON_NS, a_record, a_sent_record
from tests.conformance.stores import Store

# A partition goes as a whole, when the last record of its period is old enough.
PERIOD_DAYS = {3: 1, 7: 1, 14: 1, 30: 7, 90: 7, 365: 31}


@pytest.mark.parametrize("days", RETENTION_CLASSES)
def test_a_record_is_kept_for_its_days_and_gone_a_period_later(store: Store, days: int) -> None:
    record = a_record(retention_class=days)
    store.add(record)
    store.writer.maintain(NOON_NS + days * NS_PER_DAY - 1)
    assert store.ids() == [record.id]
    store.writer.maintain(NOON_NS + (days + PERIOD_DAYS[days]) * NS_PER_DAY)
    assert store.ids() == []
    assert store.reader.get(ALICE, record.id) is None


def test_each_class_goes_at_its_own_time(store: Store) -> None:
    store.add(*(a_sent_record(f"{days}", retention_class=days) for days in RETENTION_CLASSES))
    store.writer.maintain(NOON_NS + 10 * NS_PER_DAY)
    assert store.ids() == ["14", "30", "365", "90"]
    store.writer.maintain(NOON_NS + 200 * NS_PER_DAY)
    assert store.ids() == ["365"]


def test_receive_time_counts_not_the_records_own(store: Store) -> None:
    year = 365 * NS_PER_DAY
    old = a_record(at=NOON_NS - 5 * year, retention_class=3)
    early = a_record(at=NOON_NS + 5 * year, received=NOON_NS - year, retention_class=3)
    store.add(old, early)
    store.writer.maintain(NOON_NS + NS_PER_DAY)
    assert store.ids() == [old.id]


def test_an_expired_id_may_come_again(store: Store) -> None:
    store.add(a_sent_record("order-1", retention_class=3))
    later = NOON_NS + 40 * NS_PER_DAY
    store.writer.maintain(later)
    again = a_sent_record("order-1", retention_class=3, received=later)
    assert store.add(again) == AppendReport(1, 0)
    assert store.ids() == ["order-1"]


def test_maintaining_twice_or_an_empty_store_changes_nothing(store: Store) -> None:
    store.writer.maintain(NOON_NS)
    record = a_record()
    store.add(record)
    for _ in range(2):
        store.writer.maintain(NOON_NS + 1)
    assert store.ids() == [record.id]
    late = a_record()
    store.add(late)
    assert store.ids() == sorted([record.id, late.id])
