"""Elasticsearch as whoever moves records sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Conflict, Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.stock import ElasticStock
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.moving import BATCH_BYTES, Numbers, Removal, Tally
from app.logstore.partitions import Home, period_of
from app.logstore.places import Emptied, Hidden
from app.logstore.types import (
    NS_PER_DAY,
    QUARANTINE_STREAM,
    Position,
    RoutedRecord,
    SearchPlan,
    StoredRecord,
)
from app.query.fields import field_named
from app.query.filters import Equals, Everything
from tests.conformance.cast import ACME, ALICE, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record

pytestmark = pytest.mark.elastic
POOL = Home(30, "pool0", period_of(30, NOON_NS))
OWN = POOL._replace(pool=str(ACME))
MANY = 130


@pytest.fixture
def stock(location: Path) -> Iterator[ElasticStock]:
    opened = ElasticStock(location)
    yield opened
    opened.close()


def odd_records() -> list[RoutedRecord]:
    """Of each kind that a store treats in its own way."""
    return [
        a_record("plain", attributes={"status": 200, "path": "/a", "deep": {"er": [1, "x", None]}}),
        a_record("numbers", attributes={"big": 2**64 + 1, "small": -0.0, "half": 0.5, "no": False}),
        a_record("long", attributes={"text": "x" * 9_000}, service="s" * 9_000),
        a_record("all", level="error", level_number=17, host="h", environment="e", logger="l"),
        a_record("traced", trace_id="ab" * 16, span_id="cd" * 8, service="checkout"),
        a_record("many leaves", attributes={"l": [str(i) for i in range(2_100)]}),
        a_record("hidden", stream=QUARANTINE_STREAM, attributes={"reason": "r", "raw": "{"}),
        a_record("", attributes={"": "empty", "a b:*": 1}),
        a_sent_record("sent", "by the client", attributes={"a": 1}),
        a_sent_record("ünïcode \U0001f600", "sent as well"),
    ]


def fill(location: Path, *records: RoutedRecord) -> None:
    writer = ElasticWriter(location)
    writer.append(records, position=Position(JOURNAL, 1))
    writer.commit()
    writer.close()


def found(location: Path, hidden: Hidden, scope: object = ALICE) -> list[StoredRecord]:
    reader = ElasticReader(location, hidden=lambda _org_id: hidden)
    plans = [SearchPlan(Everything(), ALWAYS, stream=one) for one in (None, QUARANTINE_STREAM)]
    records = [record for plan in plans for record in reader.scan(scope, plan)]
    reader.close()
    return sorted(records, key=lambda record: record.id)


def test_records_are_moved_as_they_are_and_seen_once_at_every_step(
    location: Path, stock: ElasticStock
) -> None:
    theirs = [a_record(f"of Globex {i}", org_id=GLOBEX) for i in range(MANY)]
    ours = [*odd_records(), *(a_record(f"{i}") for i in range(MANY))]
    fill(location, *theirs, *ours)
    before, others = found(location, Hidden()), found(location, Hidden(), CHARLIE)
    assert len(before) == len(ours)
    assert stock.homes(ACME) == [POOL]
    removal = Removal(ACME, stock, POOL, stock, OWN, batch_records=17)

    hidden = Hidden(marks=("m-1",))
    for _ in removal.copy(mark="m-1"):
        assert found(location, hidden) == before
    tally = removal.verify()
    assert tally.records == len(ours) == stock.count(ACME, OWN)
    emptied = Emptied(POOL, removal.highest())
    assert found(location, Hidden(emptied=(emptied,))) == before

    removed = 0
    for step in removal.empty():
        removed += step
        assert found(location, Hidden(emptied=(emptied,))) == before
    assert removed == len(ours)
    assert found(location, Hidden()) == before
    assert found(location, Hidden(), CHARLIE) == others
    assert stock.homes(ACME) == [OWN]
    assert stock.homes(GLOBEX) == [POOL]
    everything = [one for batch in stock.batches(ACME, OWN, 50) for one in batch]
    assert Tally().add(everything) == tally


def test_a_batch_of_large_records_ends_when_it_has_many_bytes(
    location: Path, stock: ElasticStock
) -> None:
    records = [a_record(f"{i} " + "large " * 170_000) for i in range(18)]
    fill(location, *records)
    batches = list(stock.batches(ACME, POOL, 2_000))
    assert sorted(one.id for batch in batches for one in batch) == [one.id for one in records]
    largest = max(sum(len(one.message) for one in batch) for batch in batches)
    assert BATCH_BYTES // 2 < largest < BATCH_BYTES + len(records[-1].message)
    removal = Removal(ACME, stock, POOL, stock, OWN)
    assert sum(removal.copy()) == removal.verify().records == sum(removal.empty()) == 18


def test_fields_can_be_asked_for_after_a_move_too(location: Path, stock: ElasticStock) -> None:
    fill(location, *(a_record(attributes={"user": f"u{i % 3}", "n": i}) for i in range(9)))
    removal = Removal(ACME, stock, POOL, stock, OWN)
    assert sum(removal.copy(mark="m")) == 9
    assert sum(removal.empty()) == 9
    reader = ElasticReader(location)
    asked = Equals(field_named("user"), ("u1",))
    assert reader.search(ALICE, SearchPlan(asked, ALWAYS)).total == 3
    values = reader.field_values(ALICE, field_named("user"), Everything(), ALWAYS)
    assert [(one.value, one.count) for one in values.values] == [("u0", 3), ("u1", 3), ("u2", 3)]
    names = [one.name for one in reader.fields(ALICE, ALWAYS).fields if one.is_indexed]
    assert {"user", "n"} <= set(names)
    reader.close()


def test_a_copy_that_is_gone_is_noticed_and_nothing_is_removed(
    location: Path, stock: ElasticStock, cluster: Cluster
) -> None:
    fill(location, *(a_record(f"{i}") for i in range(5)))
    removal = Removal(ACME, stock, POOL, stock, OWN)
    assert sum(removal.copy()) == 5
    key = cluster.search(f"{cluster.prefix}-{OWN.group}-{OWN.period}", {})["hits"]["hits"][0]["_id"]
    cluster.call("DELETE", f"/{cluster.prefix}-{OWN.group}-{OWN.period}/_doc/{key}?refresh=true")
    with pytest.raises(Conflict, match="1 of 5 records"):
        removal.verify()
    assert stock.count(ACME, POOL) == 5
    # Whatever was said before: only what is at its new place goes.
    assert sum(removal.empty()) == 4
    assert stock.count(ACME, POOL) == 1


def test_a_copy_that_is_another_is_noticed(location: Path, stock: ElasticStock) -> None:
    record = a_record("the original")
    fill(location, record)
    stock.put(OWN, [record._replace(message="not the original")])
    removal = Removal(ACME, stock, POOL, stock, OWN)
    with pytest.raises(Conflict):
        removal.verify()
    # It has the id that was made for another one, and is stored beside it all the same.
    assert sum(removal.copy()) == 1
    assert removal.verify().records == 1


def test_what_comes_in_during_a_copy_is_caught_up_with(location: Path, stock: ElasticStock) -> None:
    fill(location, a_record("early"))
    removal = Removal(ACME, stock, POOL, stock, OWN)
    through = removal.highest()
    assert sum(removal.copy()) == 1
    late = a_record("late")
    writer = ElasticWriter(location)
    writer.append([late], position=Position(JOURNAL, 2))
    writer.commit()
    writer.close()
    known = Numbers(through=through)
    assert removal.verify(known).records == 1
    with pytest.raises(Conflict):
        removal.verify()
    assert sum(removal.copy(Numbers(above=through))) == 1
    assert removal.verify().records == 2
    assert sum(removal.empty(known)) == 1
    assert stock.count(ACME, POOL) == 1


def test_a_copy_that_was_cut_off_goes_on(location: Path, stock: ElasticStock) -> None:
    fill(location, *odd_records(), *(a_record(f"{i}") for i in range(40)))
    removal = Removal(ACME, stock, POOL, stock, OWN, batch_records=10)
    steps = removal.copy(mark="m")
    next(steps)
    next(steps)
    steps.close()
    again = ElasticStock(location)
    fresh = Removal(ACME, again, POOL, again, OWN, batch_records=10)
    assert sum(fresh.copy(mark="m")) == 50
    assert fresh.verify().records == 50 == again.count(ACME, OWN)
    again.close()


def test_one_sent_id_on_two_days_of_a_week_stays_two_records(
    location: Path, stock: ElasticStock
) -> None:
    """Another store may remember sent ids for a day, while here a week is one index."""
    monday = a_sent_record("order-1", "paid", received=NOON_NS - 4 * NS_PER_DAY)
    friday = a_sent_record("order-1", "paid", received=NOON_NS)
    stock.put(POOL, [monday])
    assert stock.missing(POOL, [monday, friday]) == [friday]
    stock.put(POOL, [friday])
    stock.settle(POOL)
    assert stock.missing(POOL, [monday, friday]) == []
    assert stock.count(ACME, POOL) == 2
    # Once more: it was there already.
    stock.put(POOL, [monday, friday])
    stock.settle(POOL)
    assert stock.count(ACME, POOL) == 2


def test_an_index_that_lets_nothing_in_or_out_says_so(
    location: Path, stock: ElasticStock, cluster: Cluster
) -> None:
    fill(location, a_record())
    removal = Removal(ACME, stock, POOL, stock, OWN)
    assert sum(removal.copy()) == 1
    name = f"{cluster.prefix}-{POOL.group}-{POOL.period}"
    cluster.call("PUT", f"/{name}/_settings", body={"index.blocks.write": True})
    with pytest.raises(Unavailable):
        sum(removal.empty())
    cluster.call("PUT", f"/{name}/_settings", body={"index.blocks.write": False})
    assert stock.count(ACME, POOL) == 1
    assert sum(removal.empty()) == 1


def test_where_there_is_nothing_there_is_nothing(stock: ElasticStock) -> None:
    assert stock.homes(ACME) == []
    assert stock.count(ACME, POOL) == 0
    assert list(stock.batches(ACME, POOL, 10)) == []
    assert stock.missing(POOL, [record := a_record()]) == [record]


def test_a_record_that_no_document_can_hold_stops_a_move(
    location: Path, stock: ElasticStock
) -> None:
    with pytest.raises(Conflict, match="cannot be stored"):
        stock.put(POOL, [a_record(attributes={"n": float("inf")})])
