"""A shipper with a backlog that is killed again and again, a move of the same partition, and
somebody who searches all the time: each of them learns late what the others do."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connections

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.core.scope import Scope
from app.logs.moves import Mover, Patience
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.stock import ElasticStock
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.places import Hidden, Places
from app.logstore.types import NS_PER_DAY, Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from app.streams.known_places import Known
from app.streams.selectors import everybodys_hidden, everybodys_places
from tests.api.logs.test_moves import LAST_WEEK, Told
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record
from tests.conftest import Person
from tests.elastic_indices import own_indices

pytestmark = [pytest.mark.elastic, pytest.mark.django_db(transaction=True)]

LAST_WEEK_NS = NOON_NS - 7 * NS_PER_DAY
# Everybody's knowledge is a little old, and whoever moves waits longer than that.
WRITERS_FRESH, WRITERS_HELD, READERS_FRESH = 0.4, 0.8, 0.2
PATIENCE = Patience(writers_seconds=4.0, readers_seconds=2.5)
END_SECONDS = 300.0


@pytest.fixture
def location() -> Iterator[Path]:
    with own_indices() as own:
        yield own


class Killed(BaseException):
    """The process is gone: nothing that comes after is done."""


@dataclass
class Journal:
    """What was acknowledged, and how far it is known to be stored."""

    entries: list[list[RoutedRecord]] = field(default_factory=list)
    committed: int = 0

    def ids(self, through: int) -> set[str]:
        return {record.id for entry in self.entries[:through] for record in entry}


class Backlog(threading.Thread):
    """Takes in records of last week, and is killed before every third commit or so."""

    def __init__(self, location: Path, org_id: OrgId, seed: int) -> None:
        super().__init__()
        self.journal = Journal()
        self.kills = 0
        self.is_over = threading.Event()
        self._location = location
        self._org_id = org_id
        self._chance = random.Random(seed)
        self._places = Known(
            everybodys_places, Places(), fresh_seconds=WRITERS_FRESH, held_seconds=WRITERS_HELD
        )

    def run(self) -> None:
        try:
            while not self.is_over.is_set():
                with suppress(Killed):
                    self._live()
        finally:
            connections.close_all()

    def _live(self) -> None:
        """One process: ships again what was not committed, then goes on."""
        writer = ElasticWriter(self._location, fault=self._fault, places=self._places)
        number = self.journal.committed
        while not self.is_over.is_set() or number < len(self.journal.entries):
            if number == len(self.journal.entries):
                self.journal.entries.append(self._entry(number))
            number += 1
            self._patiently(writer, number)
            if self._chance.random() < 0.5:
                writer.commit()
                self.journal.committed = number
        writer.commit()
        self.journal.committed = number
        writer.close()

    def _patiently(self, writer: ElasticWriter, number: int) -> None:
        while True:
            try:
                entry = self.journal.entries[number - 1]
                writer.append(entry, position=Position(JOURNAL, number))
            except Unavailable:
                time.sleep(0.05)
            else:
                return

    def _fault(self, point: str) -> None:
        if point == "commit:after_source" and self._chance.random() < 0.35:
            self.kills += 1
            raise Killed

    def _entry(self, number: int) -> list[RoutedRecord]:
        given = {"org_id": self._org_id, "received": LAST_WEEK_NS + number, "at": LAST_WEEK_NS}
        return [
            a_record(f"{number} {i}", **given)
            if self._chance.random() < 0.7
            else a_sent_record(f"{number}-{i}", **given)
            for i in range(5)
        ]


class Watcher(threading.Thread):
    """Searches: what was committed before has to be there, and nothing twice."""

    def __init__(self, location: Path, scope: Scope, journal: Journal) -> None:
        super().__init__()
        self.looks = 0
        self.wrong: list[str] = []
        self.is_over = threading.Event()
        self._scope = scope
        self._journal = journal
        self._reader = ElasticReader(
            location,
            hidden=Known(
                everybodys_hidden,
                Hidden(),
                fresh_seconds=READERS_FRESH,
                held_seconds=3 * READERS_FRESH,
            ),
        )

    def run(self) -> None:
        try:
            while not self.is_over.is_set():
                with suppress(Unavailable):
                    self._look()
        finally:
            self._reader.close()
            connections.close_all()

    def _look(self) -> None:
        expected = self._journal.ids(self._journal.committed)
        plan = SearchPlan(Everything(), ALWAYS, limit=1_000)
        page = self._reader.search(self._scope, plan)
        found = Counter(record.id for record in page.records)
        if page.total != len(found) and page.total <= plan.limit:
            self.wrong.append(f"{page.total} records of {len(found)} ids")
        lost = expected - found.keys()
        if lost and page.total <= plan.limit:
            self.wrong.append(f"{len(lost)} of {len(expected)} are missing")
        self.looks += 1


@contextmanager
def running(*threads: Backlog | Watcher) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.is_over.set()
            thread.join(END_SECONDS)
            assert not thread.is_alive()


def test_nothing_is_lost_or_doubled_at_any_time(location: Path, alice: Person) -> None:
    seed = random.randrange(2**32)
    backlog = Backlog(location, alice.org_id, seed)
    watcher = Watcher(location, alice.scope, backlog.journal)
    stock = ElasticStock(location)
    told = Told()
    moved = 0
    with running(watcher), running(backlog):
        while len(backlog.journal.entries) < 10:
            time.sleep(0.05)
        for _ in range(2):
            moved += Mover(alice.scope, told, batch_records=20).to_own(
                stock, PATIENCE, now_ns=NOON_NS
            )
    assert watcher.wrong == [], seed
    assert watcher.looks > 5, seed
    assert backlog.kills > 2, seed
    assert moved, seed
    moved += Mover(alice.scope, told).to_own(stock, Patience(0, 0), now_ns=NOON_NS)
    acknowledged = backlog.journal.ids(len(backlog.journal.entries))
    reader = ElasticReader(location)
    found = Counter(
        record.id for record in reader.scan(alice.scope, SearchPlan(Everything(), ALWAYS))
    )
    reader.close()
    assert found.keys() == acknowledged, seed
    assert set(found.values()) == {1}, seed
    assert stock.count(alice.org_id, LAST_WEEK) == 0
    assert moved == len(acknowledged)
    stock.close()
