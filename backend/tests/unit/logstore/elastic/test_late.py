"""Copies on both sides of a border are found also by whoever was stopped before it had looked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_sent_record
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.elastic
EARLY, LATE = ("018f3c00-0000-7000-8000-0000000000f0", "018f3c00-0000-7000-8000-0000000000f1")
# The two sides of a midnight.
LATE_NS = NOON_NS + NS_PER_DAY // 2
AT = {EARLY: LATE_NS - NS_PER_SECOND, LATE: LATE_NS}
NO_PATIENCE = Limits(0.3)
RECOVERY_SECONDS = 120.0


@pytest.fixture
def shippers(location: Path, through: Path) -> Iterator[dict[str, ElasticWriter]]:
    """One on each side, by its journal; each side has its partition already."""
    opened = {
        EARLY: ElasticWriter(location, holds_back=True),
        LATE: ElasticWriter(through, holds_back=True, limits=NO_PATIENCE),
    }
    for journal, shipper in opened.items():
        _append(shipper, journal, 1, _received(journal, "before", sent_id="before"))
        shipper.commit()
    yield opened
    for shipper in opened.values():
        shipper.close()


def _received(journal: str, message: str, *, sent_id: str = "id") -> RoutedRecord:
    return a_sent_record(sent_id, message, received=AT[journal], retention_class=3)


def _append(shipper: ElasticWriter, journal: str, number: int, *records: RoutedRecord) -> None:
    shipper.append(records, position=Position(journal, number))


def _messages(reader: ElasticReader) -> list[str]:
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    return sorted(record.message for record in page.records)


def _set_block(cluster: Cluster, *, is_blocked: bool) -> None:
    later = f"{cluster.prefix}-3d-pool0-2026-11-21"
    settings = {"index.blocks.write": True if is_blocked else None}
    cluster.call("PUT", f"/{later}/_settings", body=settings)


@pytest.mark.parametrize("contents", ["a", "ab"])
def test_a_shipper_that_dies_between_storing_and_looking_looks_when_it_is_back(
    shippers: dict[str, ElasticWriter],
    proxy: RecordingProxy,
    location: Path,
    reader: ElasticReader,
    contents: str,
) -> None:
    # Both have asked, and nothing was known, before either stores.
    records = {EARLY: [_received(EARLY, message) for message in contents]}
    records[LATE] = [_received(LATE, message) for message in contents[::-1]]
    for journal, shipper in shippers.items():
        _append(shipper, journal, 2, *records[journal])
    shippers[EARLY].commit()
    proxy.answers["/_mget"] = 503
    with pytest.raises(Unavailable):
        shippers[LATE].commit()
    again = ElasticWriter(location, holds_back=True)
    _append(again, LATE, 2, *records[LATE])
    assert again.commit() is None
    again.close()
    proxy.answers.clear()
    _append(shippers[LATE], LATE, 2, *records[LATE])
    shippers[LATE].commit()
    assert _messages(reader) == [*contents, "before"]


def test_a_copy_in_an_index_that_takes_no_changes_waits_alone_and_goes_in_the_end(
    shippers: dict[str, ElasticWriter], location: Path, reader: ElasticReader, cluster: Cluster
) -> None:
    for journal, shipper in shippers.items():
        _append(shipper, journal, 2, _received(journal, "twice"))
    assert shippers[LATE].commit() is None
    _set_block(cluster, is_blocked=True)
    assert shippers[EARLY].commit() == Position(EARLY, 2)
    # All else goes on.
    _append(shippers[EARLY], EARLY, 3, _received(EARLY, "free", sent_id="free"))
    assert shippers[EARLY].commit() == Position(EARLY, 2)
    assert "free" in _messages(reader)
    # It is killed, and another one begins behind the last trim.
    again = ElasticWriter(location, holds_back=True)
    _append(again, EARLY, 2, _received(EARLY, "twice"))
    for _ in range(2):
        assert again.commit() == Position(EARLY, 2)
    _set_block(cluster, is_blocked=False)
    until = time.monotonic() + RECOVERY_SECONDS
    while again.commit() is not None:
        assert time.monotonic() < until
        time.sleep(0.1)
    again.close()
    assert _messages(reader) == ["before", "free", "twice"]
    found = reader.get(ALICE, "id")
    assert found is not None
    assert found.observed_ns == AT[EARLY]
