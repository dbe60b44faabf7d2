"""Tables and values over several partitions, beside the memory store's."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Unsupported
from app.logstore.embedded import distinct, frequent
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.memory.store import MemoryStore
from app.logstore.types import (
    NS_PER_DAY,
    NS_PER_SECOND,
    AggregatePlan,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    Position,
    RoutedRecord,
)
from app.query import fields
from app.query.fields import Field, Kind
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record

COUNT = Metric(Function.COUNT, "n")
CLASSES = (3, 30, 365)


def attribute(path: str) -> Field:
    return Field(path, Kind.ATTRIBUTE)


LATENCY = attribute("latency")
USER = attribute("user.id")


class Both:
    """The same records in both stores; the embedded one has them in several partitions."""

    def __init__(self, directory: Path, records: Sequence[RoutedRecord]) -> None:
        self.memory = MemoryStore()
        writer = EmbeddedWriter(directory)
        for store in (self.memory, writer):
            store.append(records, position=Position("j", 1))
            store.commit()
        writer.close()
        self.embedded = EmbeddedReader(directory)

    def rows(self, store: Any, groups: Sequence[Group], metrics: Sequence[Metric]) -> Any:
        plan = AggregatePlan(Everything(), ALWAYS, tuple(groups), tuple(metrics))
        return store.aggregate(ALICE, [plan])[0].rows

    def agree(self, groups: Sequence[Group], *metrics: Metric) -> None:
        expected = self.rows(self.memory, groups, metrics)
        found = self.rows(self.embedded, groups, metrics)
        assert len(found) == len(expected)
        for row, right in zip(found, expected, strict=True):
            assert [
                cell if isinstance(cell, str | bool) else pytest.approx(cell, rel=0.01)
                for cell in right
            ] == list(row)
        plain = [metric for metric in metrics if metric.function is not Function.PERCENTILE]
        assert self.rows(self.embedded, groups, plain) == self.rows(self.memory, groups, plain)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    chance = random.Random(7)
    records = [
        a_record(
            retention_class=CLASSES[number % 3],
            received=NOON_NS + number % 5 * NS_PER_DAY,
            at=NOON_NS + number * NS_PER_SECOND,
            service=chance.choice(["web", "cart", "pay"]),
            level=chance.choice(["info", "error", None]),
            attributes={
                "latency": chance.choice([0, -5, 12.5, chance.randrange(1, 10_000)]),
                "positive": chance.randrange(1, 10_000),
                "user": {"id": f"u{chance.randrange(80)}"},
                "tags": chance.sample(["a", "b", 1, True, "1", 2.5], 2),
                "unique": f"{number:05d}",
            },
        )
        for number in range(600)
    ]
    stores = Both(tmp_path_factory.mktemp("tables"), records)
    yield stores
    stores.embedded.close()


def test_totals_are_exact(both: Both) -> None:
    both.agree(
        [],
        COUNT,
        Metric(Function.SUM, "sum", attribute("positive")),
        Metric(Function.MIN, "min", LATENCY),
        Metric(Function.MAX, "max", LATENCY),
        Metric(Function.COUNT, "with level", fields.LEVEL),
        Metric(Function.UNIQ, "users", USER),
        Metric(Function.UNIQ, "tags", attribute("tags")),
    )


@pytest.mark.parametrize("percent", [0.0, 5.0, 50.0, 95.0, 100.0])
def test_percentiles_are_within_their_promise(both: Both, percent: float) -> None:
    both.agree([], Metric(Function.PERCENTILE, "p", LATENCY, percent=percent))
    by_service = [GroupByField(fields.SERVICE)]
    both.agree(by_service, Metric(Function.PERCENTILE, "p", attribute("positive"), percent=percent))


def test_groups_inside_groups(both: Both) -> None:
    both.agree(
        [GroupByField(fields.SERVICE, 2), GroupByTime(60 * NS_PER_SECOND), GroupByField(USER, 3)],
        COUNT,
        Metric(Function.COUNT, "with level", fields.LEVEL),
        Metric(Function.MAX, "max", LATENCY),
        Metric(Function.UNIQ, "tags", attribute("tags")),
    )


@pytest.mark.parametrize("path", ["user.id", "tags", "positive", "nowhere", "", "odd path"])
def test_groups_of_attributes(both: Both, path: str) -> None:
    both.agree([GroupByField(attribute(path), 5)], COUNT, Metric(Function.AVG, "avg", LATENCY))


def test_the_most_frequent_values_are_known_without_listing_all(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.logstore.embedded.aggregate._SIZES", (5,))
    monkeypatch.setattr(frequent, "_LISTED", 40)
    both.agree([GroupByField(fields.SERVICE, 3)], COUNT)


def test_what_cannot_be_told_is_refused(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.logstore.embedded.aggregate._SIZES", (5,))
    monkeypatch.setattr(frequent, "_LISTED", 5)
    with pytest.raises(Unsupported, match="most frequent"):
        both.rows(both.embedded, [GroupByField(attribute("unique"), 5)], [COUNT])


def test_different_values_are_counted_from_sketches_of_ranges(tmp_path: Path) -> None:
    count = 9_000
    records = [
        a_record(attributes={"user": f"u{number % count:05d}", "number": number % count})
        for number in range(count + 500)
    ]
    stores = Both(tmp_path, records)
    metrics = [
        Metric(Function.UNIQ, "users", attribute("user")),
        Metric(Function.UNIQ, "numbers", attribute("number")),
    ]
    ((users, numbers),) = stores.rows(stores.embedded, [], metrics)
    assert users == pytest.approx(count, rel=0.02)
    assert numbers == pytest.approx(count, rel=0.02)
    stores.embedded.close()


def test_too_many_values_are_listed_range_after_range(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = distinct.value_counts

    def refuses_many(*asked: Any) -> Any:
        found = listed(*asked)
        if len(found) > 60:
            raise distinct.TooMany
        return found

    monkeypatch.setattr(distinct, "value_counts", refuses_many)
    metric = Metric(Function.UNIQ, "n", attribute("unique"))
    assert both.rows(both.embedded, [], [metric]) == ((600,),)


@pytest.mark.parametrize("path", ["user.id", "tags", "latency", "unique", "nowhere", "user"])
@pytest.mark.parametrize("prefix", ["", "u1", "1"])
def test_values_over_partitions(both: Both, path: str, prefix: str) -> None:
    asked = (ALICE, attribute(path), Everything(), ALWAYS)
    found = both.embedded.field_values(*asked, prefix=prefix, size=7)
    assert found == both.memory.field_values(*asked, prefix=prefix, size=7)


@pytest.mark.parametrize("limit", [1000, 3])
def test_fields_over_partitions(both: Both, limit: int) -> None:
    found = both.embedded.fields(ALICE, ALWAYS, limit=limit)
    expected = both.memory.fields(ALICE, ALWAYS, limit=limit)
    assert [(one.name, one.type, one.records) for one in found.fields] == [
        (one.name, one.type, one.records) for one in expected.fields
    ]
    assert found.total == expected.total


@pytest.mark.parametrize(
    "group",
    [GroupByField(fields.MESSAGE), GroupByField(fields.TRACE_ID), GroupByTime(1_000_001)],
)
def test_what_has_no_column_cannot_be_grouped_by(both: Both, group: Group) -> None:
    with pytest.raises(Unsupported):
        both.rows(both.embedded, [group], [COUNT])


def test_a_field_beyond_the_budget_is_refused_by_name(tmp_path: Path) -> None:
    attributes = {f"field{number:03d}": number for number in range(250)}
    stores = Both(tmp_path, [a_record(attributes=attributes)])
    assert stores.rows(stores.embedded, [GroupByField(attribute("field199"))], [COUNT])
    with pytest.raises(Unsupported, match="'field200'"):
        stores.rows(stores.embedded, [GroupByField(attribute("field200"))], [COUNT])
    with pytest.raises(Unsupported, match="'field249'"):
        stores.rows(stores.embedded, [], [Metric(Function.SUM, "s", attribute("field249"))])
    stores.embedded.close()


def test_percentiles_in_many_groups_do_not_pass_the_limit_of_buckets(tmp_path: Path) -> None:
    records = [
        a_record(
            retention_class=CLASSES[number % 2],
            service=f"s{number % 8}",
            host=f"h{number % 9}",
            attributes={"latency": (number * 37) % 5_000, "far": (-1) ** number * 1.02**number},
        )
        for number in range(900)
    ]
    stores = Both(tmp_path, records)
    groups = [GroupByField(fields.SERVICE, 8), GroupByField(fields.HOST, 9)]
    for name in ("latency", "far"):
        stores.agree(groups, Metric(Function.PERCENTILE, "p", attribute(name), percent=95.0))
    stores.embedded.close()


def test_what_takes_too_long_says_so(both: Both) -> None:
    metric = Metric(Function.UNIQ, "n", USER)
    plan = AggregatePlan(
        Everything(), ALWAYS, (GroupByField(fields.SERVICE),), (metric,), timeout_ms=0
    )
    assert both.embedded.aggregate(ALICE, [plan])[0].timed_out
