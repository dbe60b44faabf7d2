"""A store with records, and the search of this process over it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.core.scope import Scope
from app.logs.gate import Gate
from app.logs.process import use
from app.logs.search import LogSearch
from app.logstore.interface import LogReader, LogWriter
from app.logstore.registry import open_reader, open_writer
from app.logstore.types import NS_PER_SECOND, Position, RoutedRecord
from tests.conformance.records import NOON_NS, a_record
from tests.elastic_indices import own_indices
from tests.shipping import commit_all

KEY = b"the key of these tests"


@dataclass
class StoppedClock:
    """Noon until a test says otherwise; `monotonic` runs."""

    at_ns: int = NOON_NS

    def now_ns(self) -> int:
        return self.at_ns

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Shelf:
    """An opened store and its clock. Each has a journal of its own: in Elasticsearch many tests
    write to the same indices, which know how far a journal has come."""

    reader: LogReader
    writer: LogWriter
    clock: StoppedClock
    journal: str = field(default_factory=lambda: str(uuid4()))
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def put(self, *records: RoutedRecord) -> None:
        """Stores records; searches see them afterwards."""
        self.writer.append(records, position=Position(self.journal, next(self.numbers)))
        commit_all(self.writer)

    def put_record(self, scope: Scope, message: str = "it happened", **fields: Any) -> RoutedRecord:
        """Stores one record of the organisation, a second before noon unless said otherwise."""
        fields.setdefault("at", NOON_NS - NS_PER_SECOND)
        record = a_record(message, org_id=scope.org_id, **fields)
        self.put(record)
        return record

    def restart_search(self, *, running: int = 4, keys: tuple[bytes, ...] = (KEY,)) -> LogSearch:
        """Searches as a process does that was just started."""
        search = LogSearch(
            self.reader,
            clock=self.clock,
            gate=Gate(running=running, waiting=0, wait_seconds=0.01),
            cursor_keys=keys,
        )
        use(search)
        return search


# Those in which not all fields of an organisation can be counted.
BUDGETED_STORES = ("embedded", pytest.param("elastic", marks=pytest.mark.elastic))
STORES = ("memory", *BUDGETED_STORES)


@pytest.fixture(scope="session")
def shared_indices() -> Iterator[Path]:
    """Indices that many tests fill, each for organisations of its own: new ones for each would take
    longer than the tests."""
    with own_indices() as location:
        yield location


@pytest.fixture(params=STORES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    """A store of each kind that the search of this process asks, empty for the cast."""
    location = tmp_path / "logs"
    if request.param == "elastic":
        location = request.getfixturevalue("shared_indices")
    with shelf_of(request.param, location) as opened:
        yield opened


@pytest.fixture
def memory_shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty memory store, for what is decided before any store is asked."""
    with shelf_of("memory", tmp_path / "logs") as opened:
        yield opened


@contextmanager
def shelf_of(kind: str, location: Path) -> Iterator[Shelf]:
    """An opened store, closed afterwards."""
    writer = open_writer(kind, location)
    opened = Shelf(open_reader(kind, location), writer, StoppedClock())
    opened.restart_search()
    yield opened
    use(None)
    opened.reader.close()
    writer.close()
