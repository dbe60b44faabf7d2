"""Random records, random aggregates and lists of values: every store says what the memory store
says, or refuses by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from app.core.errors import Unsupported
from app.logstore.types import (
    AggregatePlan,
    FieldList,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    RoutedRecord,
    Table,
    ValueList,
)
from app.query import fields
from app.query.filters import Filter
from tests.conformance import asked as asked_about
from tests.conformance import drawing
from tests.conformance.aiming import Facts
from tests.conformance.aiming_tables import aimed_table, aimed_values, alike_records
from tests.conformance.asked import Asked
from tests.conformance.pairs import Pair, effort
from tests.conformance.records import ALWAYS
from tests.conformance.stores import EVERYTHING, Store

T = TypeVar("T")
# What is asked about the very records of an example.
AIMED = 16
ALIKE = 20
FEW_ROWS = 2

_metric_fields = st.one_of(
    drawing.attribute_paths, st.sampled_from([fields.SERVICE, fields.LEVEL, fields.LEVEL_NUMBER])
)
_metrics = st.one_of(
    st.just(Metric(Function.COUNT, "n")),
    st.builds(
        lambda function, field: Metric(function, "m", field),
        st.sampled_from([f for f in Function if f is not Function.PERCENTILE]),
        _metric_fields,
    ),
)
_groups: st.SearchStrategy[Group] = st.one_of(
    st.builds(GroupByField, _metric_fields, st.integers(1, 10)),
    st.builds(GroupByTime, st.sampled_from([1, 7, 10**9, 60 * 10**9, 86_400 * 10**9])),
)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _typed(table: Table) -> list[tuple[Any, ...]]:
    """The rows with the type of every cell that is no number, because Python takes 1 for true."""
    return [
        tuple(cell if _is_number(cell) else (type(cell).__name__, cell) for cell in row)
        for row in table.rows
    ]


def _nearly(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows with numbers that may differ in their last digits."""
    return [
        tuple(
            pytest.approx(cell, rel=1e-9, nan_ok=True) if _is_number(cell) else cell for cell in row
        )
        for row in rows
    ]


def _same_or_refused(pair: Pair, ask: Callable[[Store], T]) -> T | None:
    """Both say the same, which is what is returned, or the other store refuses by name what the
    memory store can do."""
    try:
        found = ask(pair.other)
    except Unsupported as refusal:
        event("refused")
        note(refusal.detail)
        return None
    expected = ask(pair.oracle)
    if isinstance(expected, Table):
        assert _typed(found) == _nearly(_typed(expected))
        assert isinstance(found, Table)
        assert found.is_truncated == expected.is_truncated
    else:
        assert found == expected
    return found


def _kinds_of_table(plan: AggregatePlan, table: Table | None) -> set[str]:
    """What an aggregate is an example of, by what came out."""
    if table is None:
        return {"refused"}
    kinds = {"answered"}
    metrics = len(plan.metrics)
    for row in table.rows:
        for metric, cell in zip(plan.metrics, row[len(row) - metrics :], strict=True):
            if cell is not None and cell != 0:
                kinds.add(f"{metric.function.value}")
    if len(table.rows) > 1:
        kinds.update(f"several groups by {type(group).__name__}" for group in plan.groups)
        kinds.add(f"{len(plan.groups)} groups")
    if table.is_truncated:
        kinds.add("groups left out")
    if table.rows and plan.filter != EVERYTHING:
        kinds.add("filtered")
    return kinds


def test_random_aggregates_are_the_same(pair: Pair) -> None:
    asked = Asked()

    @effort(40)
    @given(
        drawing.record_lists,
        st.lists(
            st.tuples(
                st.lists(_groups, max_size=2),
                st.lists(_metrics, min_size=1, max_size=3),
                st.one_of(st.just(EVERYTHING), drawing.leaves),
            ),
            min_size=3,
            max_size=3,
        ),
    )
    def agree(
        records: list[RoutedRecord], tables: list[tuple[list[Group], list[Metric], Filter]]
    ) -> None:
        chance = Random(Facts.of(records).seed)
        scope = pair.add([*records, *alike_records(chance, ALIKE)])
        for groups, metrics, filter_ in [*tables, *(aimed_table(chance) for _ in range(AIMED))]:
            asks = filter_ or EVERYTHING
            most = chance.choice([10_000, 10_000, FEW_ROWS])
            plan = AggregatePlan(asks, ALWAYS, tuple(groups), tuple(metrics), max_rows=most)
            note(repr(plan))

            def ask(store: Store, plan: AggregatePlan = plan) -> Table:
                return store.reader.aggregate(scope, [plan])[0]

            asked.note(*_kinds_of_table(plan, _same_or_refused(pair, ask)))

    agree()
    assert asked.missing(asked_about.TABLES) == set()
    assert asked.times("answered") > asked.times("refused")


def _whether_indexed_or_not(listed: FieldList) -> FieldList:
    """The memory store can aggregate every field."""
    return replace(listed, fields=tuple(replace(field, is_indexed=True) for field in listed.fields))


def test_random_records_have_the_same_fields_and_values(pair: Pair) -> None:
    asked = Asked()

    @effort(40)
    @given(
        drawing.record_lists,
        st.lists(st.tuples(_metric_fields, st.sampled_from(["", "a", "5"]), drawing.leaves)),
        st.integers(1, 12),
    )
    def agree(
        records: list[RoutedRecord],
        questions: list[tuple[fields.Field, str, Filter]],
        limit: int,
    ) -> None:
        chance = Random(Facts.of(records).seed)
        scope = pair.add([*records, *alike_records(chance, ALIKE)])
        for size in (limit, 1000):
            listed = _whether_indexed_or_not(pair.other.reader.fields(scope, ALWAYS, limit=size))
            assert listed == pair.oracle.reader.fields(scope, ALWAYS, limit=size)
            asked.note("all fields" if len(listed.fields) < size else "fields left out")
        for field, prefix, filter_ in [*questions, *(aimed_values(chance) for _ in range(8))]:
            note(repr((field, prefix, filter_)))

            def ask(
                store: Store,
                field: fields.Field = field,
                filter_: Filter = filter_ or EVERYTHING,
                prefix: str = prefix,
            ) -> ValueList:
                return store.reader.field_values(
                    scope, field, filter_, ALWAYS, prefix=prefix, size=limit
                )

            values = _same_or_refused(pair, ask)
            asked.note("refused" if values is None else "answered")
            if values is not None and values.values:
                is_whole = values.distinct == len(values.values)
                asked.note("all values" if is_whole else "values left out")
                asked.note("with a prefix" if prefix else "without a prefix")
                asked.note("several values" if len(values.values) > 1 else "one value")

    agree()
    assert asked.missing(asked_about.FIELDS) == set()
    assert asked.times("answered") > asked.times("refused")
