"""A request that fails as none should: nothing is taken for stored, and the shipper goes on after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import ElkError, Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.direct import ElasticDirectWriter
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, a_record, a_sent_record
from tests.elastic_indices import set_flood_block
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.elastic
OTHER_JOURNAL = "018f3c00-0000-7000-8000-0000000000f1"
NO_PATIENCE = Limits(0.3)


def _append(
    writer: ElasticWriter, number: int, *records: RoutedRecord, journal: str = JOURNAL
) -> None:
    writer.append(records, position=Position(journal, number))


def _messages(reader: ElasticReader) -> list[str]:
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    return sorted(record.message for record in page.records)


@pytest.mark.parametrize("status", [400, 404, 405])
def test_what_was_answered_by_somebody_else_than_elasticsearch_is_sent_again(
    through: Path, proxy: RecordingProxy, reader: ElasticReader, status: int
) -> None:
    writer = ElasticWriter(through, holds_back=True, limits=NO_PATIENCE)
    _append(writer, 1, a_sent_record("a", "a"))
    assert writer.commit() is None
    proxy.answers["/_bulk"] = status
    records = [a_sent_record("b", "b"), a_record("c")]
    _append(writer, 2, *records)
    with pytest.raises(ElkError):
        writer.commit()
    del proxy.answers["/_bulk"]
    _append(writer, 2, *records)
    assert writer.commit() is None
    assert _messages(reader) == ["a", "b", "c"]
    writer.close()


@pytest.mark.parametrize("status", [400, 404])
def test_a_sender_that_waits_is_not_told_that_such_records_are_known(
    through: Path, proxy: RecordingProxy, reader: ElasticReader, status: int
) -> None:
    writer = ElasticDirectWriter(through)
    writer.store([[a_sent_record("a", "a")]])
    proxy.answers["/_bulk"] = status
    try:
        refused: object = writer.store([[a_sent_record("b", "b")]])[0]
    except ElkError as error:
        refused = error
    assert isinstance(refused, ElkError)
    del proxy.answers["/_bulk"]
    writer.store([[a_sent_record("b", "b")]])
    assert _messages(reader) == ["a", "b"]
    writer.close()


def test_of_an_entry_that_was_taken_by_half_nothing_is_taken_for_known(
    through: Path, proxy: RecordingProxy, cluster: Cluster, reader: ElasticReader
) -> None:
    writer = ElasticWriter(through, holds_back=True, limits=NO_PATIENCE)
    entry = [a_sent_record(f"{days}", f"{days}", retention_class=days) for days in (3, 7)]
    # The catalogue of fields of the second partition.
    proxy.answers[f"/{cluster.prefix}-7d-pool0-2026-11-20/_search"] = 400
    with pytest.raises(ElkError):
        _append(writer, 1, *entry)
    proxy.answers.clear()
    _append(writer, 1, *entry)
    assert writer.commit() is None
    assert _messages(reader) == ["3", "7"]
    writer.close()


def test_a_commit_that_fails_behind_its_position_goes_on_from_there(
    location: Path, cluster: Cluster, reader: ElasticReader
) -> None:
    writer = ElasticWriter(location, limits=NO_PATIENCE)
    _append(writer, 1, a_record("1", retention_class=3))
    writer.commit()
    set_flood_block(cluster, 3, is_on=True)
    entries = {
        number: a_record(f"{number}", retention_class=3 if number == 4 else 30)
        for number in range(2, 6)
    }
    for number, record in entries.items():
        _append(writer, number, record)
    with pytest.raises(Unavailable):
        writer.commit()
    set_flood_block(cluster, 3, is_on=False)
    for number, record in entries.items():
        _append(writer, number, record)
    writer.commit()
    assert _messages(reader) == ["1", "2", "3", "4", "5"]
    writer.close()


def test_a_journal_whose_position_was_written_goes_on_where_anothers_was_not(
    through: Path, proxy: RecordingProxy, cluster: Cluster, reader: ElasticReader
) -> None:
    writer = ElasticWriter(through, holds_back=True, limits=NO_PATIENCE)
    entries = {JOURNAL: a_record("one"), OTHER_JOURNAL: a_record("two")}
    for journal, record in entries.items():
        _append(writer, 1, record, journal=journal)
    proxy.answers[f"/{cluster.prefix}-positions/_doc/{OTHER_JOURNAL}"] = 503
    with pytest.raises(Unavailable):
        writer.commit()
    proxy.answers.clear()
    for journal, record in entries.items():
        _append(writer, 1, record, journal=journal)
    assert writer.commit() is None
    _append(writer, 2, a_record("three"))
    assert writer.commit() is None
    assert _messages(reader) == ["one", "three", "two"]
    writer.close()
