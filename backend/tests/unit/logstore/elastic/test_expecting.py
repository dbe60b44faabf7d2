"""Sent ids of several entries that come next are looked up at once, and known as if one by one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.logstore.elastic.direct import ElasticDirectWriter
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import AppendReport, Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record, a_sent_record

pytestmark = pytest.mark.elastic
JOURNAL = "018f3c00-0000-7000-8000-0000000000f0"
NOWHERE = Path("http://127.0.0.1:9#nowhere")
Entry = Sequence[RoutedRecord]


def _ship(writer: ElasticWriter, entries: Sequence[Entry], *, after: int = 0) -> list[AppendReport]:
    """Appends entries that were expected together."""
    writer.expect(entries)
    return [
        writer.append(records, position=Position(JOURNAL, number))
        for number, records in enumerate(entries, start=after + 1)
    ]


def _numbers(reports: Sequence[AppendReport]) -> list[tuple[int, int]]:
    return [(report.stored, report.repeated) for report in reports]


def _messages(reader: ElasticReader) -> list[str]:
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1_000))
    return sorted(record.message for record in page.records)


def _entries(count: int) -> list[Entry]:
    return [
        [a_sent_record(f"id-{entry}-{one}", f"{entry}-{one}") for one in range(3)]
        for entry in range(count)
    ]


def test_one_request_asks_for_the_ids_of_all_entries(
    writer: ElasticWriter, reader: ElasticReader, caplog: pytest.LogCaptureFixture
) -> None:
    entries = _entries(10)
    assert _numbers(_ship(writer, entries)) == [(3, 0)] * 10
    assert writer.commit() is None
    caplog.set_level(logging.INFO, "elastic_transport.transport")
    again = [[*entry, a_sent_record(f"new-{place}", "new")] for place, entry in enumerate(entries)]
    assert _numbers(_ship(writer, again, after=10)) == [(1, 3)] * 10
    assert sum("/_mget" in record.getMessage() for record in caplog.records) == 1
    assert writer.commit() is None
    assert _messages(reader) == sorted(
        [f"{entry}-{one}" for entry in range(10) for one in range(3)] + ["new"] * 10
    )


def test_what_an_expected_entry_brings_is_known_to_those_behind_it(
    writer: ElasticWriter, reader: ElasticReader
) -> None:
    paid, refunded = a_sent_record("order-1", "paid"), a_sent_record("order-1", "refunded")
    assert _numbers(_ship(writer, [[paid], [paid], [refunded], [refunded]])) == [
        (1, 0),
        (0, 1),
        (1, 0),
        (0, 1),
    ]
    assert writer.commit() is None
    assert _messages(reader) == ["paid", "refunded"]


def test_a_commit_between_expected_entries_makes_the_next_one_ask_anew(
    writer: ElasticWriter, reader: ElasticReader
) -> None:
    paid = a_sent_record("order-1", "paid")
    writer.expect([[paid], [paid]])
    assert writer.append([paid], position=Position(JOURNAL, 1)).stored == 1
    assert writer.commit() is None
    assert writer.append([paid], position=Position(JOURNAL, 2)).repeated == 1
    assert writer.commit() is None
    assert _messages(reader) == ["paid"]


def test_records_without_sent_ids_are_not_asked_for(
    writer: ElasticWriter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "elastic_transport.transport")
    writer.expect([[a_record()], [a_record()]])
    writer.expect([[a_sent_record("order-1")]])
    assert caplog.records == []


def test_expecting_while_elasticsearch_is_away_is_no_error() -> None:
    writer = ElasticWriter(NOWHERE)
    writer.expect(_entries(2))
    writer.close()


def test_requests_that_are_stored_together_are_asked_for_together(
    location: Path, reader: ElasticReader, caplog: pytest.LogCaptureFixture
) -> None:
    direct = ElasticDirectWriter(location)
    assert all(isinstance(one, AppendReport) for one in direct.store(_entries(1)))
    caplog.set_level(logging.INFO, "elastic_transport.transport")
    told = direct.store(_entries(5))
    direct.close()
    assert [(one.stored, one.repeated) for one in told if isinstance(one, AppendReport)] == [
        (0, 3),
        *[(3, 0)] * 4,
    ]
    # Another one is asked before the commit: what two shippers bring at once shows only then.
    assert sum("/_mget" in record.getMessage() for record in caplog.records) <= 2
    assert _messages(reader) == [f"{entry}-{one}" for entry in range(5) for one in range(3)]
