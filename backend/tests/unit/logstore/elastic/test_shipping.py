"""The real shipper and journal over an Elasticsearch of which one index refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.core.ids import OrgId
from app.core.scope import Scope
from app.ingest.directory import StreamTarget
from app.ingest.shipping.pace import Pace
from app.ingest.shipping.shipper import Parts
from app.journal.journal import Journal
from app.journal.status import HOLDING_BACK, read_status
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS
from tests.elastic_indices import set_flood_block
from tests.shipping import shipping, until
from tests.unit.ingest.shipping.entries import batch

pytestmark = pytest.mark.elastic
QUICK = Pace(commit_seconds=0.1, status_seconds=0.05, maintain_seconds=0.5)
ENTRIES = 60
RECORDS = 20


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty one."""
    opened = Journal(tmp_path / "journal", max_bytes=64 << 20)
    yield opened
    opened.close()


def _class_of(org_id: OrgId, _stream: str) -> StreamTarget:
    """Acme's records stay for three days, those of others for a month: two indices."""
    return StreamTarget("default", 3 if org_id == ACME else 30)


def _take_in(journal: Journal, org_id: OrgId, name: str) -> None:
    """All are received at one time: the next day has another index, which is not blocked."""
    lines = (
        b'{"message":"%s %d","text":"%s"}' % (name.encode(), place, b"x" * 500)
        for place in range(RECORDS)
    )
    journal.append([batch(*lines, org_id=org_id)])


@contextmanager
def _shipping(journal: Journal, location: Path) -> Iterator[None]:
    """Lanes have room for a tenth of what will wait."""
    writer = ElasticWriter(location, holds_back=True, limits=Limits(lane_bytes=80_000))
    with closing(writer), shipping(Parts(journal, writer, _class_of), QUICK):
        yield


def _found(reader: ElasticReader, scope: Scope) -> Counter[str]:
    plan = SearchPlan(Everything(), ALWAYS, limit=1000)
    return Counter(record.message for record in reader.scan(scope, plan))


def _expected(names: list[str]) -> Counter[str]:
    return Counter(f"{name} {place}" for name in names for place in range(RECORDS))


def test_others_go_on_while_one_index_refuses_more_than_lanes_hold_and_all_is_shipped_once(
    journal: Journal, reader: ElasticReader, cluster: Cluster, location: Path
) -> None:
    names = ["first", *(f"entry {number}" for number in range(ENTRIES))]
    with _shipping(journal, location):
        for org_id in (ACME, GLOBEX):
            _take_in(journal, org_id, names[0])
        until(lambda: journal.state().entries == 0)
        set_flood_block(cluster, 3, is_on=True)
        for name in names[1:]:
            for org_id in (ACME, GLOBEX):
                _take_in(journal, org_id, name)
        # The others have everything, and the journal keeps what waits, and nothing else.
        until(lambda: _found(reader, CHARLIE) == _expected(names), seconds_between=0.05)
        assert _found(reader, ALICE) == _expected(names[:1])
        until(lambda: journal.state().entries == ENTRIES)
        until(lambda: _held(journal) == ENTRIES * RECORDS)
        set_flood_block(cluster, 3, is_on=False)
        until(lambda: journal.state().entries == 0)
    for scope in (ALICE, CHARLIE):
        assert _found(reader, scope) == _expected(names)


def _held(journal: Journal) -> int:
    """How many records the shipper says that it holds back."""
    status = read_status(journal.directory)
    if status is None or status.state != HOLDING_BACK or status.last_error is None:
        return 0
    return int(status.last_error.partition(" records wait for 3d-pool0/")[0])
