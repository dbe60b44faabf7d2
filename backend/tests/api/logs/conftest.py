"""A store with records, and the search of this process over it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.core.scope import Scope
from app.logs.gate import Gate
from app.logs.process import use
from app.logs.search import LogSearch
from app.logstore.interface import LogReader, LogWriter
from app.logstore.registry import open_reader, open_writer
from app.logstore.types import NS_PER_SECOND, Position, RoutedRecord
from tests.conformance.records import NOON_NS, a_record

JOURNAL = "018f3c00-0000-7000-8000-0000000000f1"
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
    """An opened store and its clock."""

    reader: LogReader
    writer: LogWriter
    clock: StoppedClock
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def put(self, *records: RoutedRecord) -> None:
        """Stores records; searches see them afterwards."""
        self.writer.append(records, position=Position(JOURNAL, next(self.numbers)))
        self.writer.commit()

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


STORES = ("memory", "embedded")


@pytest.fixture(params=STORES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    """An empty store of each kind that the search of this process asks."""
    with shelf_of(request.param, tmp_path / "logs") as opened:
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
