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
from tests.conformance.aiming_tables import aimed_plan, aimed_values
from tests.conformance.asked import Asked
from tests.conformance.pairs import Pair, about, effort, seeds
from tests.conformance.records import ALWAYS
from tests.conformance.seeded_records import alike_records, mixed_records
from tests.conformance.stores import EVERYTHING, Store

T = TypeVar("T")
# What is asked about the very records of an example, which are so many of each sort.
AIMED, MIXED, ALIKE = 16, 5, 20

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


_plans = st.builds(
    lambda groups, metrics, filter_: AggregatePlan(filter_, ALWAYS, tuple(groups), tuple(metrics)),
    st.lists(_groups, max_size=2),
    st.lists(_metrics, min_size=1, max_size=3),
    st.one_of(st.just(EVERYTHING), drawing.leaves),
)


def test_random_aggregates_are_the_same(pair: Pair) -> None:
    asked = Asked()

    def compare(records: list[RoutedRecord], plans: list[AggregatePlan]) -> None:
        scope = pair.add(records)
        for plan in plans:

            def ask(store: Store, plan: AggregatePlan = plan) -> Table:
                return store.reader.aggregate(scope, [plan])[0]

            with about(plan):
                table = _same_or_refused(pair, ask)
            asked.note(*_kinds_of_table(plan, table))

    effort(20)(given(drawing.record_lists, st.lists(_plans, min_size=5, max_size=5))(compare))()
    for seed in seeds(30):
        chance = Random(seed)
        records = [*mixed_records(chance, MIXED), *alike_records(chance, ALIKE)]
        with about(f"seed {seed}"):
            compare(records, [aimed_plan(chance) for _ in range(AIMED)])
    assert asked.missing(asked_about.TABLES) == set()
    assert asked.times("answered") > asked.times("refused")


def _whether_indexed_or_not(listed: FieldList) -> FieldList:
    """The memory store can aggregate every field."""
    return replace(listed, fields=tuple(replace(field, is_indexed=True) for field in listed.fields))


Question = tuple[fields.Field, str, Filter]


def test_random_records_have_the_same_fields_and_values(pair: Pair) -> None:
    asked = Asked()

    def compare(records: list[RoutedRecord], questions: list[Question], limit: int) -> None:
        scope = pair.add(records)
        for size in (limit, 1000):
            listed = _whether_indexed_or_not(pair.other.reader.fields(scope, ALWAYS, limit=size))
            assert listed == pair.oracle.reader.fields(scope, ALWAYS, limit=size)
            asked.note("all fields" if len(listed.fields) < size else "fields left out")
        for question in questions:

            def ask(store: Store, question: Question = question) -> ValueList:
                field, prefix, filter_ = question
                return store.reader.field_values(
                    scope, field, filter_, ALWAYS, prefix=prefix, size=limit
                )

            with about(question):
                values = _same_or_refused(pair, ask)
            asked.note(*_kinds_of_values(values, prefix=question[1]))

    @effort(20)
    @given(
        drawing.record_lists,
        st.lists(st.tuples(_metric_fields, st.sampled_from(["", "a", "5"]), drawing.leaves)),
        st.integers(1, 12),
    )
    def any_values(records: list[RoutedRecord], questions: list[Question], limit: int) -> None:
        compare(records, questions, limit)

    any_values()
    for seed in seeds(30):
        chance = Random(seed)
        records = [*mixed_records(chance, MIXED), *alike_records(chance, ALIKE)]
        with about(f"seed {seed}"):
            compare(records, [aimed_values(chance) for _ in range(8)], chance.randint(1, 12))
    assert asked.missing(asked_about.FIELDS) == set()
    assert asked.times("answered") > asked.times("refused")


def _kinds_of_values(values: ValueList | None, *, prefix: str) -> set[str]:
    """What a list of values is an example of, by what is in it."""
    if values is None:
        return {"refused"}
    if not values.values:
        return {"answered"}
    is_whole = values.distinct == len(values.values)
    return {
        "answered",
        "all values" if is_whole else "values left out",
        "with a prefix" if prefix else "without a prefix",
        "several values" if len(values.values) > 1 else "one value",
    }
