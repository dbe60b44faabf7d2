"""Several processes write straight into one Elasticsearch."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.core.errors import Broken, Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.direct import ElasticDirectWriter
from app.logstore.elastic.reader import ElasticReader
from app.logstore.types import AppendReport, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record, a_sent_record
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.elastic
HOSTS = os.environ.get("ELASTICSEARCH_HOSTS", "")


@pytest.fixture
def writer(location: Path) -> Iterator[ElasticDirectWriter]:
    writer = ElasticDirectWriter(location)
    yield writer
    writer.close()


def found(location: Path) -> list[str]:
    reader = ElasticReader(location)
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    reader.close()
    return sorted(record.message for record in page.records)


def reports(outcomes: list[AppendReport | Unavailable]) -> list[AppendReport]:
    assert [one for one in outcomes if isinstance(one, Unavailable)] == []
    return [one for one in outcomes if isinstance(one, AppendReport)]


def test_what_is_stored_is_found_at_once(writer: ElasticDirectWriter, location: Path) -> None:
    told = reports(writer.store([[a_record("a"), a_record("b")], [a_record("c")]]))
    assert [one.stored for one in told] == [2, 1]
    assert found(location) == ["a", "b", "c"]


def test_sent_again_a_record_meets_itself(writer: ElasticDirectWriter, location: Path) -> None:
    record = a_sent_record("1", "a")
    assert reports(writer.store([[record]]))[0].stored == 1
    assert reports(writer.store([[record], [record]]))[0].repeated == 1
    assert found(location) == ["a"]


@pytest.mark.parametrize("status", [400, 404, 503])
def test_what_was_not_stored_is_taken_when_it_is_sent_again(location: Path, status: int) -> None:
    proxy = RecordingProxy(HOSTS)
    writer = ElasticDirectWriter(proxy.before(location))
    proxy.answers["/_bulk"] = status
    # A 400 is nothing that Elasticsearch says of a store that is away.
    with suppress(Broken):
        (outcome,) = writer.store([[a_sent_record("1", "a")]])
        assert isinstance(outcome, Unavailable)
    proxy.answers.clear()
    assert reports(writer.store([[a_sent_record("1", "a")]]))[0].stored == 1
    assert found(location) == ["a"]
    writer.close()
    proxy.close()


def test_writers_that_take_the_same_records_at_once_store_them_once(location: Path) -> None:
    writers = [ElasticDirectWriter(location) for _ in range(3)]
    records = [a_sent_record(str(number), f"m{number}") for number in range(200)]
    failures: list[Unavailable] = []

    def work(writer: ElasticDirectWriter) -> None:
        for start in range(0, 200, 20):
            outcomes = writer.store([records[start : start + 20]])
            failures.extend(one for one in outcomes if isinstance(one, Unavailable))

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    assert failures == []
    assert len(found(location)) == len(set(found(location))) == 200


def test_an_index_that_refuses_fails_its_own_requests_alone(
    writer: ElasticDirectWriter, location: Path, cluster: Cluster
) -> None:
    def short(sent_id: str) -> RoutedRecord:
        return a_sent_record(sent_id, f"short {sent_id}", retention_class=3)

    def long(sent_id: str) -> RoutedRecord:
        return a_sent_record(sent_id, f"long {sent_id}", retention_class=90)

    writer.store([[short("1")], [long("2")]])
    partitions = f"{cluster.prefix}-3d-*"
    cluster.call("PUT", f"/{partitions}/_settings", body={"index.blocks.write": True})
    outcomes = writer.store([[long("3")], [short("4"), long("5")], [long("6")]])
    assert [isinstance(one, Unavailable) for one in outcomes] == [False, True, False]
    cluster.call("PUT", f"/{partitions}/_settings", body={"index.blocks.write": None})
    reports(writer.store([[short("4"), long("5")]]))
    assert found(location) == ["long 2", "long 3", "long 5", "long 6", "short 1", "short 4"]
