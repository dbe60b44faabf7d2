"""Several readers, several threads, and a store that is closed and opened again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.logstore.registry import open_reader
from app.logstore.types import (
    AggregatePlan,
    AppendReport,
    Function,
    GroupByField,
    Metric,
    Position,
    SearchPlan,
)
from app.query import fields
from app.query.fields import field_named
from app.query.filters import Equals
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, a_record, a_sent_record
from tests.conformance.stores import EVERYTHING, Store, StoreKind
from tests.elastic_indices import answered_health

COUNT = Metric(Function.COUNT, "n")


@pytest.fixture
def reopened(kind: StoreKind, tmp_path: Path) -> Iterator[Store]:
    """A store that took records in, was closed, and is opened again."""
    before = Store(kind, tmp_path)
    before.add(a_sent_record("order-1", service="web", attributes={"status": 500}))
    before.add(a_record("committed"))
    before.append(a_record("left to close"))
    before.close()
    after = Store(kind, tmp_path)
    yield after
    after.close()


def test_everything_is_there_after_a_restart(reopened: Store) -> None:
    messages = sorted(record.message for record in reopened.search().records)
    assert messages == ["committed", "it happened", "left to close"]
    assert reopened.ids(Equals(field_named("status"), (500,))) == ["order-1"]
    assert reopened.table([GroupByField(fields.SERVICE)], [COUNT]).rows == (("web", 1),)


def test_what_was_shipped_before_a_restart_is_known_after_it(reopened: Store) -> None:
    for number in (1, 2, 3):
        again = reopened.writer.append([a_record()], position=Position(JOURNAL, number))
        assert again == AppendReport(stored=0, repeated=1)
    report = reopened.writer.append([a_record("new")], position=Position(JOURNAL, 4))
    assert report == AppendReport(stored=1, repeated=0)
    reopened.commit()
    assert len(reopened.ids()) == 4


def test_a_sent_id_is_known_after_a_restart(reopened: Store) -> None:
    position = Position(JOURNAL, 4)
    same = a_sent_record("order-1", service="web", attributes={"status": 500})
    other = a_sent_record("order-1", "another")
    report = reopened.writer.append([same, other], position=position)
    assert report == AppendReport(stored=1, repeated=1)
    reopened.commit()
    assert len(reopened.ids()) == 4


def test_a_reader_may_come_before_the_first_record(store: Store, tmp_path: Path) -> None:
    early = open_reader(store.kind.name, store.kind.location(tmp_path))
    assert early.search(ALICE, SearchPlan(EVERYTHING, ALWAYS)).total == 0
    assert early.get(ALICE, "order-1") is None
    assert early.fields(ALICE, ALWAYS).fields == ()
    assert early.aggregate(ALICE, [AggregatePlan(EVERYTHING, ALWAYS, (), (COUNT,))])[0].rows == (
        (0,),
    )
    assert answered_health(early).status == "up"
    store.add(a_sent_record("order-1"))
    assert early.search(ALICE, SearchPlan(EVERYTHING, ALWAYS)).total == 1
    assert early.get(ALICE, "order-1") is not None
    early.close()


def test_every_reader_sees_a_commit_at_its_next_call(store: Store, tmp_path: Path) -> None:
    other = open_reader(store.kind.name, store.kind.location(tmp_path))
    plan = SearchPlan(EVERYTHING, ALWAYS)
    for expected in range(1, 6):
        store.add(a_record(retention_class=(3, 30, 365)[expected % 3]))
        for reader in (other, store.reader):
            assert reader.search(ALICE, plan).total == expected
            assert reader.fields(ALICE, ALWAYS).total == expected
    other.close()


def test_threads_may_read_together_while_one_writes(store: Store) -> None:
    store.add(*(a_record("even" if i % 2 else "odd", service="web") for i in range(100)))

    def ask(_number: int) -> tuple[int, int]:
        page = store.search(Equals(fields.SERVICE, ("web",)), limit=10)
        ((_, rows),) = store.table([GroupByField(fields.SERVICE)], [COUNT]).rows
        assert isinstance(rows, int)
        return page.total, rows

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(40))
        for _ in range(10):
            store.add(*(a_record(service="web") for _ in range(10)))
        totals = [total for answer in answers for total in answer]
    assert all(total in range(100, 201, 10) for total in totals)
    assert store.search().total == 200


def test_an_export_meets_every_record_once_while_more_arrive(store: Store) -> None:
    records = [a_sent_record(f"{i:03}") for i in range(100)]
    store.add(*records)
    seen = []
    for record in store.reader.scan(ALICE, SearchPlan(EVERYTHING, ALWAYS, limit=7)):
        seen.append(record.id)
        if len(seen) % 20 == 0:
            store.add(a_sent_record(f"late {len(seen)}"))
    assert len(seen) == len(set(seen))
    assert {record.id for record in records} <= set(seen)
