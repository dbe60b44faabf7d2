"""A node with small limits, blocked as a whole, killed in the middle of requests."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import (
    NS_PER_DAY,
    QUARANTINE_STREAM,
    RETENTION_CLASSES,
    Position,
    RoutedRecord,
    SearchPlan,
)
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record
from tests.elastic_indices import answered_health
from tests.elasticsearch_server import ElasticsearchServer
from tests.process.service import report

pytestmark = pytest.mark.elastic
LARGEST_REQUEST = 400_000


@pytest.fixture(scope="module")
def server() -> Iterator[ElasticsearchServer]:
    """A node that takes small requests, and few of them at once."""
    node = ElasticsearchServer(
        http__max_content_length=f"{LARGEST_REQUEST}b",
        thread_pool__write__queue_size="1",
        thread_pool__write__size="1",
    )
    node.start()
    yield node
    node.close()


@pytest.fixture
def location(server: ElasticsearchServer, request: pytest.FixtureRequest) -> Path:
    """Hosts with a prefix of this test's own."""
    return Path(f"{server.url}#t{abs(hash(request.node.name))}")


@pytest.fixture
def reader(location: Path) -> Iterator[ElasticReader]:
    """A reader of the same indices."""
    opened = ElasticReader(location)
    yield opened
    opened.close()


class Shipper:
    """Entries in order; after `Unavailable` again from the first that is not committed."""

    def __init__(self, location: Path) -> None:
        self.writer = ElasticWriter(location, holds_back=True, limits=Limits(patience_seconds=1.0))
        self.entries: list[list[RoutedRecord]] = []
        self.failures = 0
        self._appended = self._committed = 0

    def add(self, *records: RoutedRecord) -> None:
        self.entries.append(list(records))

    def has_entries(self, number: int) -> bool:
        return len(self.entries) >= number

    def has_failed(self, number: int) -> bool:
        return self.failures >= number

    def try_to_ship(self) -> bool:
        """Appends what is not appended, and commits; whether everything is stored."""
        try:
            for number in range(self._appended + 1, len(self.entries) + 1):
                self.writer.append(self.entries[number - 1], position=Position(JOURNAL, number))
                self._appended = number
            held = self.writer.commit()
        except Unavailable:
            self.failures += 1
            self._appended = self._committed
            return False
        self._committed = self._appended if held is None else held.number - 1
        return held is None

    def ship(self, seconds: float = 300.0) -> None:
        """Until everything is stored."""
        until = time.monotonic() + seconds
        while not self.try_to_ship():
            assert time.monotonic() < until, f"{self.failures} failures"
            time.sleep(0.1)

    def check(self, reader: ElasticReader) -> None:
        """Everything is there once."""
        found = Counter(
            record.id for record in reader.scan(ALICE, SearchPlan(Everything(), ALWAYS, limit=100))
        )
        expected = {record.id for entry in self.entries for record in entry}
        assert found.keys() == expected
        assert set(found.values()) == {1}


@pytest.fixture
def shipper(location: Path) -> Iterator[Shipper]:
    """One that looks at the position that `commit` returns."""
    opened = Shipper(location)
    yield opened
    opened.writer.close()


def test_a_full_queue_of_writes_delays_and_loses_nothing(
    shipper: Shipper, reader: ElasticReader, location: Path
) -> None:
    for _ in range(6):
        shipper.add(
            *(
                a_record("m" * 500, received=NOON_NS - days * NS_PER_DAY, retention_class=retention)
                for retention in RETENTION_CLASSES[:3]
                for days in range(3)
                for _ in range(100)
            )
        )
    shipper.ship()
    cluster = Cluster(location)
    (node,) = cluster.call("GET", "/_nodes/stats/thread_pool")["nodes"].values()
    cluster.close()
    rejected = node["thread_pool"]["write"]["rejected"]
    report(f"{rejected} shard requests met a full queue; {shipper.failures} commits failed")
    assert rejected > 0
    shipper.check(reader)


def test_a_request_that_is_too_large_is_cut_and_a_record_that_is_goes_to_quarantine(
    shipper: Shipper, reader: ElasticReader
) -> None:
    small = [a_record("s" * 2_000) for _ in range(300)]
    # As a record it is too large, as the one text of an entry of quarantine it is not.
    large = a_sent_record("large", "words " * 40_000)
    huge = a_sent_record("huge", "words " * 100_000)
    shipper.add(*small, large, huge)
    shipper.ship()
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    assert {record.id for record in page.records} == {record.id for record in small}
    plan = SearchPlan(Everything(), ALWAYS, stream=QUARANTINE_STREAM)
    entries = {
        record.attributes["sent_id"]: record.attributes
        for record in reader.search(ALICE, plan).records
    }
    assert entries.keys() == {"large", "huge"}
    assert large.message in entries["large"]["raw"]
    assert all("larger than" in entry["detail"] for entry in entries.values())
    assert entries["huge"]["raw_characters"] > 600_000 > len(entries["huge"]["raw"]) > 60_000
    # Nothing of it is sent again.
    shipper.ship()
    assert reader.search(ALICE, plan).total == 2


def test_a_block_on_the_whole_cluster_is_waited_for(
    shipper: Shipper, reader: ElasticReader, location: Path
) -> None:
    shipper.add(a_record(retention_class=3), a_record())
    shipper.ship()
    cluster = Cluster(location)
    _block_all(cluster, is_blocked=True)
    try:
        shipper.add(a_record(retention_class=3), a_sent_record("id"))
        assert not shipper.try_to_ship()
        assert shipper.failures == 1
        assert answered_health(shipper.writer).status == "degraded"
        assert reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).total == 2
    finally:
        _block_all(cluster, is_blocked=False)
        cluster.close()
    shipper.ship()
    shipper.check(reader)
    assert answered_health(shipper.writer).status == "up"


def _block_all(cluster: Cluster, *, is_blocked: bool) -> None:
    value = True if is_blocked else None
    body = {"persistent": {"cluster.blocks.read_only": value}}
    cluster.call("PUT", "/_cluster/settings", body=body)


def test_nothing_is_lost_or_doubled_when_the_node_is_killed_in_the_middle_of_requests(
    shipper: Shipper, reader: ElasticReader, server: ElasticsearchServer
) -> None:
    chance = random.Random(7)
    for kill in range(1, 3):
        over = threading.Event()
        shipping = threading.Thread(target=_add_and_ship, args=(shipper, over), daemon=True)
        shipping.start()
        try:
            _wait(partial(shipper.has_entries, 6 * kill))
            time.sleep(chance.uniform(0.0, 0.5))
            failures = shipper.failures
            server.kill()
            _wait(partial(shipper.has_failed, failures + 1))
            assert reader.health().status == "down"
            with pytest.raises(Unavailable):
                reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
            server.start()
        finally:
            over.set()
            shipping.join()
    shipper.ship()
    report(f"{len(shipper.entries)} entries, {shipper.failures} failures over two kills")
    assert answered_health(reader).status == "up"
    shipper.check(reader)


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)


def _add_and_ship(shipper: Shipper, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        if shipper.try_to_ship():
            number += 1
            name = f"{threading.get_ident()}-{number}"
            shipper.add(
                *(a_record(f"made {place}", retention_class=3) for place in range(300)),
                *(a_sent_record(f"{name}-{place}", "sent") for place in range(100)),
            )
        else:
            time.sleep(0.1)
