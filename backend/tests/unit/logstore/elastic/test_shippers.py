"""Two shippers at once: one record stays one record, and fields agree."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.mapping import POOLED_FIELDS
from app.logstore.elastic.partition import catalogued_paths
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, Position, RoutedRecord, SearchPlan
from app.query.fields import field_named
from app.query.filters import Equals, Everything
from tests.conformance.cast import ACME, ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record, a_sent_record

pytestmark = pytest.mark.elastic
JOURNALS = ("018f3c00-0000-7000-8000-0000000000f0", "018f3c00-0000-7000-8000-0000000000f1")
PATIENCE_SECONDS = 120.0
# The two sides of a midnight.
AFTER_NS = NOON_NS + NS_PER_DAY // 2
BEFORE_NS = AFTER_NS - NS_PER_SECOND


def test_a_sent_id_that_two_shippers_bring_at_once_is_sorted_out(location: Path) -> None:
    shippers = [ElasticWriter(location) for _ in JOURNALS]
    same = a_sent_record("order-1", "paid")
    other = a_sent_record("order-1", "refunded")
    first_wins = a_sent_record("order-2", "one", first_wins=True)
    loses = a_sent_record("order-2", "two", first_wins=True)
    # Both have looked and found nothing before either sends.
    shippers[0].append([same, first_wins], position=Position(JOURNALS[0], 1))
    shippers[1].append([other, loses], position=Position(JOURNALS[1], 1))
    for shipper in shippers:
        shipper.commit()
        shipper.close()
    reader = ElasticReader(location)
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    reader.close()
    assert sorted(record.message for record in page.records) == ["one", "paid", "refunded"]
    assert len({record.id for record in page.records}) == 3


def test_two_shippers_that_bring_two_contents_in_opposite_orders_store_each_once(
    location: Path,
) -> None:
    shippers = [ElasticWriter(location) for _ in JOURNALS]
    contents = [a_sent_record("order-1", message) for message in ("paid", "refunded", "closed")]
    shippers[0].append(contents, position=Position(JOURNALS[0], 1))
    shippers[1].append(contents[::-1], position=Position(JOURNALS[1], 1))
    for shipper in shippers:
        shipper.commit()
        shipper.close()
    assert _messages(location) == ["closed", "paid", "refunded"]


@pytest.mark.parametrize("first_wins", [False, True])
@pytest.mark.parametrize("is_later_first", [False, True])
def test_a_sent_id_on_both_sides_of_a_border_is_stored_once(
    location: Path, *, first_wins: bool, is_later_first: bool
) -> None:
    shippers = [ElasticWriter(location) for _ in JOURNALS]
    # So that each side's partition is there, which is what makes it be looked at.
    for journal, shipper, at in zip(JOURNALS, shippers, (BEFORE_NS, AFTER_NS), strict=True):
        shipper.append([_received(at, "other")], position=Position(journal, 1))
        shipper.commit()
    for journal, shipper, at in zip(JOURNALS, shippers, (BEFORE_NS, AFTER_NS), strict=True):
        records = [
            _received(at, f"{number}", first_wins=first_wins, id=f"id-{number}")
            for number in range(5)
        ]
        shipper.append(records, position=Position(journal, 2))
    for shipper in shippers[::-1] if is_later_first else shippers:
        shipper.commit()
        shipper.close()
    assert _messages(location) == ["0", "1", "2", "3", "4", "other"]


def _received(at: int, message: str, **fields: Any) -> RoutedRecord:
    sent_id = fields.pop("id", message)
    return a_sent_record(sent_id, message, received=at, retention_class=3, **fields)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_two_shippers_bring_of_few_ids_each_content_is_stored_once(
    location: Path, seed: int
) -> None:
    chance = random.Random(seed)
    brought: list[set[tuple[str, str]]] = []
    with ThreadPoolExecutor(2) as both:
        for journal, done in [
            (journal, both.submit(_ship_at_random, location, journal, random.Random(number)))
            for number, journal in enumerate(JOURNALS, start=chance.randrange(1 << 30))
        ]:
            brought.append(done.result())
            assert brought[-1], journal
    # What is under a derived id has the sent one as an attribute.
    reader = ElasticReader(location)
    found = Counter(
        (record.attributes.get("id", record.id), record.message)
        for record in reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000)).records
    )
    reader.close()
    assert set(found) == brought[0] | brought[1]
    assert set(found.values()) == {1}


def _ship_at_random(location: Path, journal: str, chance: random.Random) -> set[tuple[str, str]]:
    """Appends and commits; sometimes the shipper dies in the middle of a commit, and comes again. So
    does one that cannot look into what the other one makes this moment."""
    dying = _Dying()
    shipper = ElasticWriter(location, fault=dying)
    entries: list[list[RoutedRecord]] = []
    committed = steps = 0
    until = time.monotonic() + PATIENCE_SECONDS
    while steps < 40 or committed < len(entries):
        assert time.monotonic() < until
        steps += 1
        if steps <= 40 and (chance.random() < 0.6 or not entries):
            entries.append([_one_of_few(chance) for _ in range(chance.randint(1, 6))])
            shipper.append(entries[-1], position=Position(journal, len(entries)))
            continue
        dying.at = chance.choice(("commit:after_source", "commit:after_index", "", ""))
        try:
            shipper.commit()
            committed = len(entries)
        except (_Died, Unavailable):
            dying.at = ""
            shipper = ElasticWriter(location, fault=dying)
            for number, records in enumerate(entries[committed:], start=committed + 1):
                shipper.append(records, position=Position(journal, number))
    dying.at = ""
    shipper.close()
    return {(record.id, record.message) for records in entries for record in records}


class _Died(Exception):
    """The process is no more."""


class _Dying:
    """A fault point that ends the shipper where it is told to."""

    at = ""

    def __call__(self, name: str) -> None:
        if name == self.at:
            raise _Died(name)


def _one_of_few(chance: random.Random) -> RoutedRecord:
    sent_id = f"id-{chance.randrange(3)}"
    at = chance.choice((BEFORE_NS, AFTER_NS))
    return _received(at, f"{sent_id} {chance.choice('abc')}", id=sent_id)


def _messages(location: Path) -> list[str]:
    reader = ElasticReader(location)
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    reader.close()
    assert len({record.id for record in page.records}) == page.total
    return sorted(record.message for record in page.records)


def test_two_shippers_share_one_budget_of_fields(location: Path, cluster: Cluster) -> None:
    shippers = [ElasticWriter(location) for _ in JOURNALS]
    for number, start in enumerate(range(0, 2 * POOLED_FIELDS, 20), start=1):
        for journal, shipper, side in zip(JOURNALS, shippers, "ab", strict=True):
            attributes = {f"{side}{start + i}": f"v{i}" for i in range(20)} | {"shared": start}
            record = a_record(attributes=attributes)
            shipper.append([record], position=Position(journal, number))
        for shipper in shippers:
            shipper.commit()
    for shipper in shippers:
        shipper.close()
    cluster.call("POST", f"/{cluster.partitions}/_refresh")
    (paths,) = catalogued_paths(cluster, cluster.partitions, ACME).values()
    assert len(paths) == len(set(paths))
    # Both may decide on a batch of fields before they learn of each other's.
    assert POOLED_FIELDS <= len(paths) <= POOLED_FIELDS + 20
    reader = ElasticReader(location)
    for side in "ab":
        for start in (0, 100, 380):
            asked = Equals(field_named(f"{side}{start + 7}"), ("v7",))
            assert reader.search(ALICE, SearchPlan(asked, ALWAYS)).total == 1
    reader.close()


def test_more_fields_than_one_answer_holds_are_listed_too(location: Path, cluster: Cluster) -> None:
    writer = ElasticWriter(location)
    writer.append(
        [a_record(retention_class=days) for days in (3, 7)], position=Position(JOURNALS[0], 1)
    )
    writer.close()
    each = 6_000
    for days in (3, 7):
        index = f"{cluster.prefix}-{days}d-pool0-2026-11-20"
        lines = b"".join(
            b'{"create":{"_index":"%s"}}\n{"owner":"%s","path":"p%d %d"}\n'
            % (index.encode(), ACME.hex.encode(), days, number)
            for number in range(each)
        )
        cluster.call_with_lines("/_bulk", lines, refresh="true")
    found = catalogued_paths(cluster, cluster.partitions, ACME)
    assert [len(set(paths)) for paths in found.values()] == [each, each]
