"""Without a journal: a request that was refused half way is stored once when it comes again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.ingest.directory import DefaultStreams
from app.ingest.edge.admission import Limits
from app.ingest.edge.intake import Intake, Kept, in_pieces
from app.ingest.protocols.records import Records
from app.ingest.through import retried
from app.ingest.through.retried import RefusedRequests
from app.ingest.through.storing import StoreThrough
from app.journal.batch import Batch
from app.logstore.elastic.direct import ElasticDirectWriter
from app.logstore.elastic.reader import ElasticReader
from app.logstore.partitions import period_of
from app.logstore.types import SearchPlan, StoredRecord
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE, GLOBEX
from tests.conformance.records import ALWAYS, NOON_NS
from tests.elastic_indices import own_indices
from tests.recording_proxy import RecordingProxy

LINES = [b'{"message":"a"}', b'{"message":"b"}', b'{"message":"b"}']


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ns(self) -> int:
        return NOON_NS

    def monotonic(self) -> float:
        return self.seconds


def a_batch(number: int, **given: object) -> Batch:
    """What came at a time of its own."""
    batch = Batch(ACME, NOON_NS + number, number << 64, "ndjson", LINES)
    return replace(batch, **given)  # type: ignore[arg-type]


def test_a_refused_request_is_recalled_once() -> None:
    refused = RefusedRequests(Watch())
    assert refused.recall(a_batch(1)) == a_batch(1)
    refused.remember([a_batch(1)])
    assert refused.recall(a_batch(2)) == a_batch(1)
    assert refused.recall(a_batch(3)) == a_batch(3)


def test_each_of_two_equal_requests_that_were_refused_is_recalled() -> None:
    refused = RefusedRequests(Watch())
    for number in (1, 2, 2):
        refused.remember([a_batch(number)])
    assert [refused.recall(a_batch(9)) for _ in range(3)] == [a_batch(1), a_batch(2), a_batch(9)]


def test_the_entries_of_a_large_request_are_recalled_as_one() -> None:
    lines = [b"x" * 1_000_000 for _ in range(20)]
    large = a_batch(1, lines=lines, ids=[None, "a"] * 10, bad={3: "invalid_json"})
    pieces = in_pieces(large, 20_000_000)
    assert len(pieces) > 1
    refused = RefusedRequests(Watch())
    refused.remember(pieces)
    assert refused.recall(replace(large, first_id=7, received_ns=7)) == large


@pytest.mark.parametrize(
    "other",
    [
        {"org_id": GLOBEX},
        {"stream": "audit"},
        {"protocol": "es_bulk"},
        {"is_text": True},
        {"lines": LINES[::-1]},
        {"lines": LINES[:2]},
        {"ids": [None, None, "1"]},
        {"indices": [None, None, "i"]},
        {"bad": {0: "invalid_json"}},
    ],
    ids=str,
)
def test_another_request_is_not_the_refused_one(other: dict[str, object]) -> None:
    refused = RefusedRequests(Watch())
    refused.remember([a_batch(1)])
    assert refused.recall(a_batch(2, **other)) == a_batch(2, **other)
    assert refused.recall(a_batch(2)) == a_batch(1)


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retried, "MAX_REMEMBERED", 2)
    monkeypatch.setattr(retried, "MAX_EQUAL", 3)
    watch = Watch()
    refused = RefusedRequests(watch)
    for stream in "abc":
        refused.remember([a_batch(1, stream=stream)])
    assert refused.recall(a_batch(2, stream="a")) == a_batch(2, stream="a")
    assert refused.recall(a_batch(2, stream="b")) == a_batch(1, stream="b")
    monkeypatch.setattr(retried, "MAX_REMEMBERED", 5)
    for number in range(5):
        refused.remember([a_batch(number, stream="c")])
    recalled = [refused.recall(a_batch(9, stream="c")).received_ns for _ in range(4)]
    assert recalled == [NOON_NS + number for number in (2, 3, 4, 9)]
    # All together, not only the different ones.
    for stream in "abb":
        for number in (1, 2):
            refused.remember([a_batch(number, stream=stream)])
    refused.remember([a_batch(3, stream="b")])
    refused.remember([a_batch(4, stream="d")])
    refused.remember([a_batch(5, stream="d")])
    assert refused.recall(a_batch(9, stream="a")) == a_batch(9, stream="a")
    assert refused.recall(a_batch(9, stream="b")) == a_batch(1, stream="b")
    refused.remember([a_batch(1)])
    watch.seconds = retried.REMEMBERED_SECONDS
    assert refused.recall(a_batch(2)) == a_batch(2)


@pytest.fixture
def location() -> Iterator[Path]:
    with own_indices() as own:
        yield own


@pytest.fixture
def proxy() -> Iterator[RecordingProxy]:
    opened = RecordingProxy(os.environ["ELASTICSEARCH_HOSTS"])
    yield opened
    opened.close()


@pytest.fixture
def keeper(location: Path, proxy: RecordingProxy) -> Iterator[StoreThrough]:
    behind = proxy.before(location)
    opened = StoreThrough(ElasticDirectWriter(behind), DefaultStreams())
    yield opened
    opened.close()


def _keep(keeper: StoreThrough) -> Kept:
    intake = Intake(keeper, lambda: 0, Limits(), Watch(), recall=keeper.recall)
    try:
        return asyncio.run(intake.keep(ACME, Records(lines=LINES), protocol="ndjson"))
    finally:
        intake.close()


def _found(location: Path) -> list[StoredRecord]:
    reader = ElasticReader(location)
    records = reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).records
    reader.close()
    return sorted(records, key=lambda record: record.id)


@pytest.mark.elastic
def test_records_without_ids_of_a_refused_request_are_there_once_when_it_comes_again(
    keeper: StoreThrough, proxy: RecordingProxy, location: Path
) -> None:
    # All is stored by then, and nobody can promise that it is found.
    prefix, period = location.name.partition("#")[2], period_of(30, NOON_NS)
    proxy.answers[f"/{prefix}-30d-pool0-{period}/_refresh"] = 503
    for _ in range(2):
        with pytest.raises(Unavailable):
            _keep(keeper)
    proxy.answers.clear()
    again = _keep(keeper)
    ids = a_batch(0, first_id=again.first_id).made_ids()
    assert [(one.id, one.message) for one in _found(location)] == list(zip(ids, "abb", strict=True))
    # The next one is one of its own.
    other = _keep(keeper)
    assert other.first_id != again.first_id
    assert [one.message for one in _found(location)] == [*"abb"] * 2
