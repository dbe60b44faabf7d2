"""Records on their way between the embedded store and Elasticsearch, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.scope import Scope
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.stock import ElasticStock
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.stock import EmbeddedStock
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.interface import LogReader
from app.logstore.moving import Removal, Stock, Tally
from app.logstore.partitions import Home, period_of
from app.logstore.types import NS_PER_DAY, QUARANTINE_STREAM, Position, SearchPlan, StoredRecord
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record
from tests.unit.logstore.elastic.test_stock import odd_records

pytestmark = pytest.mark.elastic
POOL = Home(30, "pool0", period_of(30, NOON_NS))


@pytest.fixture
def elastic(location: Path) -> Iterator[ElasticStock]:
    opened = ElasticStock(location)
    yield opened
    opened.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedStock]:
    opened = EmbeddedStock(tmp_path)
    yield opened
    opened.close()


def found(reader: LogReader, scope: Scope) -> list[StoredRecord]:
    plans = [SearchPlan(Everything(), ALWAYS, stream=one) for one in (None, QUARANTINE_STREAM)]
    records = [record for plan in plans for record in reader.scan(scope, plan)]
    reader.close()
    return sorted(records, key=lambda record: (record.id, record.observed_ns))


def move(source: Stock, target: Stock, home: Home) -> Tally:
    removal = Removal(ACME, source, home, target, home, batch_records=7)
    for _ in removal.copy():
        pass
    tally = removal.verify()
    assert sum(removal.empty()) == tally.records
    return tally


def test_there_and_back_again(
    location: Path, tmp_path: Path, elastic: ElasticStock, embedded: EmbeddedStock
) -> None:
    weekly = [a_record("short", retention_class=14, received=NOON_NS - i) for i in range(9)]
    # Embedded, a sent id is remembered for a day; in Elasticsearch the week is one index.
    twice = [
        a_sent_record("order-1", "paid", received=NOON_NS - 3 * NS_PER_DAY),
        a_sent_record("order-1", "paid", received=NOON_NS),
        a_sent_record("order-1", "refunded", received=NOON_NS),
    ]
    theirs = [a_record(f"{i}", org_id=GLOBEX) for i in range(11)]
    writer = EmbeddedWriter(tmp_path)
    for number, record in enumerate([*odd_records(), *weekly, *twice, *theirs], 1):
        writer.append([record], position=Position(JOURNAL, number))
    writer.close()
    before = found(EmbeddedReader(tmp_path), ALICE)
    others = found(EmbeddedReader(tmp_path), CHARLIE)
    assert len(before) == len(odd_records()) + 9 + 3

    homes = embedded.homes(ACME)
    assert POOL in homes
    tallies = {home: move(embedded, elastic, home) for home in homes}
    assert found(ElasticReader(location), ALICE) == before
    assert found(ElasticReader(location), CHARLIE) == []
    assert found(EmbeddedReader(tmp_path), ALICE) == []
    assert found(EmbeddedReader(tmp_path), CHARLIE) == others

    assert elastic.homes(ACME) == homes
    assert {home: move(elastic, embedded, home) for home in homes} == tallies
    assert found(EmbeddedReader(tmp_path), ALICE) == before
    assert found(EmbeddedReader(tmp_path), CHARLIE) == others
    assert found(ElasticReader(location), ALICE) == []
