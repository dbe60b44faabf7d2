"""Who brings much gets partitions of its own: measured in a real store, from the next period on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.ids import OrgId
from app.core.scope import Scope
from app.logstore.elastic.hosts import Hosts, hosts_of
from app.logstore.partitions import Home, period_of
from app.logstore.places import OWN, Assignment, Places
from app.logstore.registry import open_reader, open_writer
from app.logstore.stocks import open_scales
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from app.streams.engine import placing
from app.streams.selectors import assignments_of, everybodys_places
from app.streams.services import next_period_ns, place_by_size
from tests.conformance.records import ALWAYS, JOURNAL, a_record, a_sent_record
from tests.conftest import Person
from tests.elastic_indices import own_indices

pytestmark = pytest.mark.django_db(transaction=True)

NOON_NS = 1_795_176_000 * NS_PER_SECOND  # 2026-11-20T12:00:00Z
MIDNIGHT_NS = NOON_NS + NS_PER_DAY // 2
SHARED = Places()
TODAY, TOMORROW = period_of(14, NOON_NS), period_of(14, MIDNIGHT_NS)


@pytest.fixture(params=["embedded", pytest.param("elastic", marks=pytest.mark.elastic)], ids=str)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def location(kind: str, tmp_path: Path) -> Iterator[Path | Hosts]:
    """A store of the test's own."""
    if kind == "embedded":
        yield tmp_path
        return
    with own_indices() as own:
        yield hosts_of(own)


@pytest.fixture(autouse=True)
def _small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred records are as many as a million."""
    monkeypatch.setattr(placing, "OWN_LEAST_RECORDS", 20)


def received(at: int, org_id: OrgId, count: int) -> list[RoutedRecord]:
    return [
        a_record(f"{i}", org_id=org_id, received=at + i, at=at, retention_class=14)
        for i in range(count)
    ]


def found(kind: str, location: Path | Hosts, scope: Scope) -> list[str]:
    reader = open_reader(kind, location)
    records = list(reader.scan(scope, SearchPlan(Everything(), ALWAYS)))
    reader.close()
    return sorted(record.id for record in records)


def homes(kind: str, location: Path | Hosts, org_id: OrgId) -> set[Home]:
    scales = open_scales(kind, location)
    measured = scales.measure([org_id], NOON_NS - NS_PER_DAY, MIDNIGHT_NS + NS_PER_DAY)
    scales.close()
    return {one.home for one in measured if org_id in one.recent}


def test_a_large_one_leaves_the_pool_at_the_next_period_and_nothing_is_doubled(
    kind: str, location: Path | Hosts, alice: Person, charlie: Person
) -> None:
    writer = open_writer(
        kind, location, places=lambda org_id: everybodys_places().get(org_id, SHARED)
    )
    last = a_sent_record(
        "order-1", "paid", org_id=alice.org_id, received=MIDNIGHT_NS - 1, retention_class=14
    )
    before = received(NOON_NS, alice.org_id, 100)
    small = received(NOON_NS, charlie.org_id, 5)
    writer.append([*before, *small], position=Position(JOURNAL, 1))
    writer.commit()
    scales = open_scales(kind, location)
    decisions = place_by_size(scales, now_ns=NOON_NS + NS_PER_SECOND)
    assert [one.org_id for one in decisions] == [alice.org_id]
    said = Assignment(14, next_period_ns(14, NOON_NS), OWN)
    assert assignments_of(alice.scope) == (said,)
    assert said.from_ns == MIDNIGHT_NS
    assert assignments_of(charlie.scope) == ()
    # Who decides too finds it decided.
    assert place_by_size(scales, now_ns=NOON_NS + NS_PER_SECOND) == []
    scales.close()

    # The period that has begun stays as it is; the one that follows has another place.
    writer.append([last], position=Position(JOURNAL, 2))
    repeated = last._replace(observed_ns=MIDNIGHT_NS + 5)
    after = received(MIDNIGHT_NS, alice.org_id, 30)
    report = writer.append(
        [repeated, *after, *received(MIDNIGHT_NS, charlie.org_id, 5)],
        position=Position(JOURNAL, 3),
    )
    writer.commit()
    assert report.repeated == 1
    # Once more in another entry, when the first is committed.
    report = writer.append([repeated], position=Position(JOURNAL, 4))
    assert report.repeated == 1
    writer.close()
    ids = sorted(record.id for record in (*before, last, *after))
    assert found(kind, location, alice.scope) == ids
    assert len(found(kind, location, charlie.scope)) == 10
    assert homes(kind, location, alice.org_id) == {
        Home(14, "pool0", TODAY),
        Home(14, str(alice.org_id), TOMORROW),
    }
    assert homes(kind, location, charlie.org_id) == {
        Home(14, "pool0", TODAY),
        Home(14, "pool0", TOMORROW),
    }


def test_what_was_received_earlier_does_not_count(
    kind: str, location: Path | Hosts, alice: Person, charlie: Person
) -> None:
    writer = open_writer(kind, location)
    writer.append(received(NOON_NS, alice.org_id, 100), position=Position(JOURNAL, 1))
    writer.close()
    scales = open_scales(kind, location)
    start, end = NOON_NS + 50, NOON_NS + 60
    (measured,) = scales.measure([alice.org_id, charlie.org_id], start, end)
    assert measured.recent == {alice.org_id: 10}
    assert measured.home == Home(14, "pool0", TODAY)
    assert measured.records >= 100
    assert measured.bytes > 1_000
    assert scales.measure([alice.org_id], end + NS_PER_DAY, end + 2 * NS_PER_DAY) == []
    assert place_by_size(scales, now_ns=NOON_NS + 2 * NS_PER_DAY) == []
    scales.close()


def test_a_full_pool_sends_some_to_the_next(
    kind: str,
    location: Path | Hosts,
    alice: Person,
    charlie: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placing, "OWN_LEAST_RECORDS", 10**6)
    monkeypatch.setattr(placing, "POOL_BYTES", 1_000)
    writer = open_writer(kind, location)
    records = [*received(NOON_NS, alice.org_id, 60), *received(NOON_NS, charlie.org_id, 40)]
    writer.append(records, position=Position(JOURNAL, 1))
    writer.close()
    scales = open_scales(kind, location)
    (decision,) = place_by_size(scales, now_ns=NOON_NS + NS_PER_SECOND)
    scales.close()
    assert decision.org_id == charlie.org_id
    assert decision.assignment == Assignment(14, MIDNIGHT_NS, "pool1")
    writer = open_writer(
        kind, location, places=lambda org_id: everybodys_places().get(org_id, SHARED)
    )
    later = [
        *received(MIDNIGHT_NS, alice.org_id, 3),
        *received(MIDNIGHT_NS, charlie.org_id, 2),
    ]
    writer.append(later, position=Position(JOURNAL, 2))
    writer.close()
    assert len(found(kind, location, charlie.scope)) == 42
    assert Home(14, "pool1", TOMORROW) in homes(kind, location, charlie.org_id)
    assert Home(14, "pool0", TOMORROW) in homes(kind, location, alice.org_id)


def test_an_empty_store_decides_nothing(kind: str, location: Path | Hosts, alice: Person) -> None:
    scales = open_scales(kind, location)
    assert place_by_size(scales, now_ns=NOON_NS) == []
    scales.close()
