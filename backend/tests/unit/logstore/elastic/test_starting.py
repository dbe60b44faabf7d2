"""Questions in the instant in which partitions are made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from operator import eq
from pathlib import Path

import pytest
from typing_extensions import override

from app.core.errors import Unavailable
from app.logstore.elastic import starting
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.mapping import MAPPINGS, SETTINGS
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.starting import Patience, Starting
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import AggregatePlan, Function, Metric, Position, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, a_record

pytestmark = pytest.mark.elastic
CREATIONS = 40
BODY = {"settings": SETTINGS, "mappings": MAPPINGS}
PATIENT_MS = 240_000
EVERYTHING = SearchPlan(Everything(), ALWAYS, limit=10, timeout_ms=PATIENT_MS)
COUNT = AggregatePlan(
    Everything(), ALWAYS, (), (Metric(Function.COUNT, "n"),), timeout_ms=PATIENT_MS
)

Question = Callable[[ElasticReader], object]


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard may take as long to start as it likes, and what is lost stays so."""
    monkeypatch.setattr(starting, "_LONGEST_SECONDS", 120.0)
    monkeypatch.setattr(starting, "_LOST_SECONDS", 600.0)


def _make(cluster: Cluster, number: int) -> None:
    """Makes a partition's index; it is there some time before this is over."""
    cluster.create(f"{cluster.prefix}-3d-pool0-20{number:02d}-01-01", BODY)


def _make_lost(cluster: Cluster, year: int) -> None:
    """Makes one whose shard is on no node."""
    settings = {**SETTINGS, "routing.allocation.require._name": "nowhere"}
    cluster.call(
        "PUT",
        f"/{cluster.prefix}-3d-pool0-{year}-01-01",
        body={**BODY, "settings": settings},
        params={"wait_for_active_shards": "0"},
    )


def _search(reader: ElasticReader) -> object:
    return reader.search(ALICE, EVERYTHING).skipped


def _aggregate(reader: ElasticReader) -> object:
    return reader.aggregate(ALICE, [COUNT, COUNT])[0].skipped


def _scan(reader: ElasticReader) -> object:
    return list(reader.scan(ALICE, EVERYTHING))


class _Asker:
    """Asks the same again and again, and keeps what was no whole answer: nothing is there, and nothing
    may be left out."""

    def __init__(self, location: Path, question: Question) -> None:
        self.failed: list[object] = []
        self.answers = 0
        self.pause = threading.Lock()
        self._reader = ElasticReader(location)
        self._question = question
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._reader.close()

    def _ask(self) -> None:
        # The moment without the lock is for who wants it.
        while not self._is_over.wait(0.001):
            with self.pause:
                try:
                    answer = self._question(self._reader)
                except Unavailable as error:
                    self.failed.append(error)
                else:
                    self.failed += [answer] if answer else []
                self.answers += 1


@pytest.mark.parametrize("is_first", [True, False], ids=["the first one", "one more"])
def test_no_question_fails_in_the_instant_in_which_a_partition_is_made(
    location: Path, cluster: Cluster, *, is_first: bool
) -> None:
    askers = [_Asker(location, question) for question in (_search, _aggregate, _scan)]
    try:
        for number in range(CREATIONS // 2):
            if is_first:
                # What goes may be missed: that is not what this is about.
                with askers[0].pause, askers[1].pause, askers[2].pause:
                    cluster.call("DELETE", f"/{cluster.partitions}")
            _make(cluster, number)
            # One after the other, as periods and customers come.
            answered = [asker.answers for asker in askers]
            while any(map(eq, answered, [asker.answers for asker in askers])):
                time.sleep(0.01)
    finally:
        for asker in askers:
            asker.end()
    assert [asker.failed for asker in askers] == [[], [], []]


def test_who_has_no_time_of_their_own_waits_as_long_as_anybody(cluster: Cluster) -> None:
    waits: list[float] = []

    class Noted(Starting):
        @override
        def wait(self, indices: Collection[str], attempt: int, seconds: float) -> bool:
            waits.append(seconds)
            return False

    Patience(Noted(cluster)).wait(())
    Patience(Noted(cluster), 60.0).wait(())
    assert waits == [120.0, 30.0]


def test_what_is_lost_is_named_at_once_and_not_waited_for(
    location: Path,
    cluster: Cluster,
    reader: ElasticReader,
    writer: ElasticWriter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer.append([a_record("here")], position=Position(JOURNAL, 1))
    writer.commit()
    _make_lost(cluster, 2026)
    caplog.set_level(logging.INFO, "elastic_transport.transport")
    for _ in range(5):
        page = reader.search(ALICE, EVERYTHING)
        assert [record.message for record in page.records] == ["here"]
        assert page.skipped == ("3d-pool0/2026-01-01",)
    asked = [record.getMessage() for record in caplog.records]
    assert sum("/_search" in one for one in asked) == 5
    assert sum("/_cluster/health" in one for one in asked) == 1


def test_where_all_is_lost_the_answer_is_what_it_was(
    cluster: Cluster, reader: ElasticReader
) -> None:
    _make_lost(cluster, 2026)
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot answer now"):
            reader.search(ALICE, EVERYTHING)
        with pytest.raises(Unavailable):
            list(reader.scan(ALICE, EVERYTHING))


def test_many_that_are_lost_at_once_are_not_waited_for(cluster: Cluster) -> None:
    waiting = Starting(cluster)
    began = time.monotonic()
    assert not waiting.wait([f"{cluster.prefix}-3d-own{number}" for number in range(21)], 0, 120.0)
    assert not Starting(Cluster("http://127.0.0.1:1#nobody")).wait(["one"], 0, 120.0)
    assert time.monotonic() - began < 60.0
    # One that went meanwhile is no reason either.
    assert waiting.wait([f"{cluster.prefix}-3d-pool0-2026-01-01"], 0, 120.0)
