"""Sent ids beside a partition that nobody can look into for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.direct import ElasticDirectWriter
from app.logstore.elastic.mapping import MAPPINGS, SETTINGS
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_sent_record
from tests.elastic_indices import answered_health

pytestmark = pytest.mark.elastic
AFTER_NS = NOON_NS + NS_PER_DAY // 2
BEFORE_NS = AFTER_NS - NS_PER_SECOND
RECOVERY_SECONDS = 120.0
EARLIER = "3d-pool0/2026-11-20"


@dataclass(frozen=True)
class Absence:
    """How an index goes out of sight, and how it comes back with what was in it, or does not."""

    begin: Callable[[Cluster, str], None]
    end: Callable[[Cluster, str], None]
    is_back: bool = True


def _close(cluster: Cluster, index: str) -> None:
    cluster.call("POST", f"/{index}/_close")


def _open(cluster: Cluster, index: str) -> None:
    cluster.call("POST", f"/{index}/_open", params={"wait_for_active_shards": "0"})


def _delete(cluster: Cluster, index: str) -> None:
    cluster.call("DELETE", f"/{index}")


def _lose(cluster: Cluster, index: str) -> None:
    """An index is left whose shard is on no node, and what was in it is gone."""
    _delete(cluster, index)
    settings = {**SETTINGS, "routing.allocation.require._name": "nowhere"}
    body = {"settings": settings, "mappings": MAPPINGS}
    cluster.call("PUT", f"/{index}", body=body, params={"wait_for_active_shards": "0"})


def _find(cluster: Cluster, index: str) -> None:
    settings = {"index.routing.allocation.require._name": None}
    cluster.call("PUT", f"/{index}/_settings", body=settings)


ABSENCES = {
    "closed": Absence(_close, _open),
    "red": Absence(_lose, _find, is_back=False),
    "closed and deleted": Absence(_close, _delete, is_back=False),
}


@pytest.fixture(params=ABSENCES.values(), ids=ABSENCES)
def absence(request: pytest.FixtureRequest) -> Absence:
    """Each in turn."""
    found: Absence = request.param
    return found


@pytest.fixture
def earlier(writer: ElasticWriter, cluster: Cluster) -> str:
    """The index of the day before, with one record."""
    _append(writer, 1, _received(BEFORE_NS, "one"))
    writer.commit()
    index = f"{cluster.prefix}-3d-pool0-2026-11-20"
    cluster.call("POST", f"/{index}/_flush")
    return index


def _received(at: int, message: str, *, retention_class: int = 3) -> RoutedRecord:
    return a_sent_record("id", message, received=at, retention_class=retention_class)


def _append(writer: ElasticWriter, number: int, *records: RoutedRecord) -> None:
    writer.append(records, position=Position(JOURNAL, number))


def _messages(reader: ElasticReader) -> list[str]:
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    return sorted(record.message for record in page.records)


def test_an_id_that_came_again_is_stored_at_once_and_compared_when_that_can_be_read(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster, earlier: str, absence: Absence
) -> None:
    absence.begin(cluster, earlier)
    repeated = [_received(AFTER_NS, "one")]
    _append(writer, 2, *repeated)
    assert writer.commit() == Position(JOURNAL, 2)
    assert _messages(reader) == ["one"]
    health = answered_health(writer)
    assert health.broken == (EARLIER,)
    assert "records that came again may be in it" in (health.detail or "")
    absence.end(cluster, earlier)
    held: Position | None = Position(JOURNAL, 2)
    until = time.monotonic() + RECOVERY_SECONDS
    while held is not None:
        assert time.monotonic() < until
        time.sleep(0.1)
        try:
            held = writer.commit()
        except Unavailable:
            _append(writer, 2, *repeated)
    assert _messages(reader) == ["one"]
    found = reader.get(ALICE, "id")
    assert found is not None
    assert found.observed_ns == (BEFORE_NS if absence.is_back else AFTER_NS)
    assert answered_health(writer).status == "up"


def test_a_sender_that_waits_is_told_to_come_again(
    location: Path, reader: ElasticReader, cluster: Cluster, earlier: str
) -> None:
    direct = ElasticDirectWriter(location)
    _close(cluster, earlier)
    repeated = _received(AFTER_NS, "one")
    for _ in range(2):
        assert isinstance(direct.store([[repeated]])[0], Unavailable)
    _open(cluster, earlier)
    cluster.call("GET", f"/_cluster/health/{earlier}", params={"wait_for_active_shards": "1"})
    (report,) = direct.store([[repeated]])
    assert not isinstance(report, Unavailable)
    assert (report.stored, report.repeated) == (0, 1)
    assert _messages(reader) == ["one"]
    direct.close()


def test_partitions_of_another_retention_class_keep_nothing_back(
    writer: ElasticWriter, reader: ElasticReader, cluster: Cluster, earlier: str
) -> None:
    _close(cluster, earlier)
    _append(writer, 2, _received(AFTER_NS, "two", retention_class=7))
    assert writer.commit() is None
    assert _messages(reader) == ["two"]
    _open(cluster, earlier)
