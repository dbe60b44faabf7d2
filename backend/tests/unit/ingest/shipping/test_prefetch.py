"""Entries of the journal are made ready in order, small ones together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db.utils import InterfaceError

from app.core.errors import Unavailable
from app.ingest.directory import DefaultStreams, StreamTarget
from app.ingest.shipping.decisions import FILE_NAME, Decisions
from app.ingest.shipping.prefetch import TOGETHER_RECORDS, Prefetch
from app.ingest.shipping.preparing import Prepared, Preparing
from app.ingest.shipping.suspects import Suspects
from app.journal.journal import Journal
from tests.unit.ingest.shipping.entries import batch

PATIENCE_SECONDS = 20.0


@pytest.fixture
def prefetch(journal: Journal) -> Iterator[Prefetch]:
    decisions = Decisions(DefaultStreams(), journal.directory, last_number=0)
    opened = Prefetch(journal, _preparing(journal, decisions), after=0)
    yield opened
    opened.close()


def _preparing(journal: Journal, decisions: Decisions) -> Preparing:
    return Preparing(journal, decisions, Suspects(journal.directory))


def _entry(records: int) -> bytes:
    return batch(*(b'{"message":"%d"}' % number for number in range(records)))


def _take(prefetch: Prefetch) -> list[Prepared]:
    return prefetch.take(timeout_seconds=PATIENCE_SECONDS)


def test_what_waits_in_the_journal_is_handed_over_together(
    journal: Journal, prefetch: Prefetch
) -> None:
    journal.append([_entry(2) for _ in range(30)])
    assert [one.number for one in _take(prefetch)] == list(range(1, 31))
    journal.append([_entry(1)])
    (last,) = _take(prefetch)
    assert (last.number, len(last.made.records)) == (31, 1)


def test_no_more_is_handed_over_than_makes_enough(journal: Journal, prefetch: Prefetch) -> None:
    journal.append([_entry(TOGETHER_RECORDS * 3 // 5) for _ in range(3)] + [_entry(1)])
    numbers = [[one.number for one in _take(prefetch)] for _ in range(2)]
    assert numbers == [[1, 2], [3, 4]]


def test_a_large_entry_is_handed_over_alone(journal: Journal, prefetch: Prefetch) -> None:
    journal.append([_entry(TOGETHER_RECORDS + 1), _entry(1)])
    assert [one.number for one in _take(prefetch)] == [1]
    assert [one.number for one in _take(prefetch)] == [2]


def test_what_was_prepared_ahead_is_handed_over_in_the_same_portions(
    journal: Journal, prefetch: Prefetch
) -> None:
    journal.append([_entry(TOGETHER_RECORDS) for _ in range(5)])
    with prefetch.running_ahead():
        assert [one.number for one in _take(prefetch)] == [1]
    assert [[one.number for one in _take(prefetch)] for _ in range(4)] == [[2], [3], [4], [5]]


def test_nothing_is_handed_over_when_nothing_comes_in_time(prefetch: Prefetch) -> None:
    assert prefetch.take(timeout_seconds=0.05) == []


def test_an_entry_whose_stream_cannot_be_written_down_stays_in_the_journal(
    journal: Journal,
) -> None:
    decisions = Decisions(DefaultStreams(), journal.directory, last_number=0)
    journal.append([_entry(1)])
    in_the_way = journal.directory / FILE_NAME
    in_the_way.mkdir()
    for _ in range(2):
        prefetch = Prefetch(journal, _preparing(journal, decisions), after=0)
        try:
            with pytest.raises(Unavailable):
                _take(prefetch)
        finally:
            prefetch.close()
    assert (journal.state().entries, journal.state().damaged) == (1, 0)
    in_the_way.rmdir()
    prefetch = Prefetch(journal, _preparing(journal, decisions), after=0)
    assert [one.number for one in _take(prefetch)] == [1]
    prefetch.close()


def test_an_entry_is_not_unreadable_because_its_stream_cannot_be_looked_up(
    journal: Journal,
) -> None:
    def directory(_org: object, _stream: str) -> StreamTarget:
        raise InterfaceError("connection already closed")

    journal.append([_entry(1)])
    decisions = Decisions(directory, journal.directory, last_number=0)
    prefetch = Prefetch(journal, _preparing(journal, decisions), after=0)
    try:
        with pytest.raises(InterfaceError):
            _take(prefetch)
    finally:
        prefetch.close()
    assert (journal.state().entries, journal.state().damaged) == (1, 0)
