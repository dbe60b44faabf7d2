"""Random records, random questions: every store answers what the memory store answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from app.core.errors import Unsupported
from app.logstore.memory.evaluate import evaluate
from app.logstore.memory.highlight import highlight
from app.logstore.memory.matcher import matcher
from app.logstore.types import (
    AggregatePlan,
    FieldList,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    RoutedRecord,
    SearchPlan,
    Table,
    TimeRange,
    ValueList,
)
from app.query import fields
from app.query.filters import Filter, Not, Or, Tokens
from app.query.words import token_texts
from tests.conformance import drawing
from tests.conformance.drawn import Drawn
from tests.conformance.pairs import Pair, effort
from tests.conformance.records import ALWAYS
from tests.conformance.stores import EVERYTHING, Store

QUESTIONS = 12


def test_random_filters_find_the_same_records(pair: Pair) -> None:
    drawn = Drawn()

    @effort(60)
    @given(drawing.record_lists, st.lists(drawing.filters, min_size=QUESTIONS, max_size=QUESTIONS))
    def agree(records: list[RoutedRecord], filters: list[Filter]) -> None:
        drawn.note(records)
        scope = pair.add(records)
        for filter_ in filters:
            note(repr(filter_))
            pair.search_both(scope, SearchPlan(filter_, ALWAYS, limit=1000))

    agree()
    assert drawn.missing() == set()


@st.composite
def _plans(draw: st.DrawFn) -> SearchPlan:
    return SearchPlan(
        draw(st.one_of(st.just(EVERYTHING), drawing.leaves)),
        draw(st.one_of(st.just(ALWAYS), st.builds(TimeRange, drawing.instants, drawing.instants))),
        stream=draw(st.sampled_from([None, "default", "other", "_hidden", "nowhere"])),
        is_descending=draw(st.booleans()),
        limit=draw(st.integers(1, 8)),
    )


def test_random_plans_page_through_the_same_records(pair: Pair) -> None:
    @effort(40)
    @given(drawing.record_lists, st.lists(_plans(), min_size=5, max_size=5))
    def agree(records: list[RoutedRecord], plans: list[SearchPlan]) -> None:
        scope = pair.add(records)
        for plan in plans:
            note(repr(plan))
            pair.search_both(scope, plan)
            pages = list(pair.other.reader.scan(scope, plan))
            assert pages == list(pair.oracle.reader.scan(scope, plan))
            for record in pages:
                after = replace(plan, after=drawing.key_of(record))
                pair.search_both(scope, after)

    agree()


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


def _same_or_refused(pair: Pair, ask: Callable[[Store], Any]) -> None:
    """Both say the same, or the other store refuses by name what the memory store can do."""
    try:
        found = ask(pair.other)
    except Unsupported as refusal:
        event("refused")
        note(refusal.detail)
        return
    expected = ask(pair.oracle)
    if isinstance(expected, Table):
        assert _typed(found) == _nearly(_typed(expected))
        assert found.is_truncated == expected.is_truncated
    else:
        assert found == expected


def test_random_aggregates_are_the_same(pair: Pair) -> None:
    @effort(40)
    @given(
        drawing.record_lists,
        st.lists(
            st.tuples(
                st.lists(_groups, max_size=2),
                st.lists(_metrics, min_size=1, max_size=3),
                st.one_of(st.just(EVERYTHING), drawing.leaves),
            ),
            min_size=8,
            max_size=8,
        ),
    )
    def agree(
        records: list[RoutedRecord], tables: list[tuple[list[Group], list[Metric], Filter]]
    ) -> None:
        scope = pair.add(records)
        for groups, metrics, filter_ in tables:
            plan = AggregatePlan(filter_, ALWAYS, tuple(groups), tuple(metrics))
            note(repr(plan))

            def ask(store: Store, plan: AggregatePlan = plan) -> Table:
                return store.reader.aggregate(scope, [plan])[0]

            _same_or_refused(pair, ask)

    agree()


def _whether_indexed_or_not(listed: FieldList) -> FieldList:
    """The memory store can aggregate every field."""
    return replace(listed, fields=tuple(replace(field, is_indexed=True) for field in listed.fields))


def test_random_records_have_the_same_fields_and_values(pair: Pair) -> None:
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
        scope = pair.add(records)
        for size in (limit, 1000):
            listed = _whether_indexed_or_not(pair.other.reader.fields(scope, ALWAYS, limit=size))
            assert listed == pair.oracle.reader.fields(scope, ALWAYS, limit=size)
        for field, prefix, filter_ in questions:
            note(repr((field, prefix, filter_)))

            def ask(
                store: Store,
                field: fields.Field = field,
                filter_: Filter = filter_,
                prefix: str = prefix,
            ) -> ValueList:
                return store.reader.field_values(
                    scope, field, filter_, ALWAYS, prefix=prefix, size=limit
                )

            _same_or_refused(pair, ask)

    agree()


@effort(60)
@given(drawing.records(), st.lists(drawing.filters, min_size=8, max_size=8))
def test_the_compiled_matcher_says_what_evaluate_says(
    record: RoutedRecord, filters: list[Filter]
) -> None:
    for filter_ in filters:
        assert matcher(filter_)(record) == evaluate(filter_, record)


@effort(100)
@given(drawing.records(), st.data())
def test_highlights_are_places_in_the_message(record: RoutedRecord, data: st.DataObject) -> None:
    words = token_texts(record.message) or ("a",)
    start = data.draw(st.integers(0, len(words) - 1))
    phrase = Tokens(words[start : start + 2])
    around: list[Filter] = [phrase, Or((phrase, EVERYTHING)), Not(phrase)]
    filter_ = data.draw(st.sampled_from(around))
    edges = [edge for span in highlight(filter_, record) for edge in span]
    assert edges == sorted(set(edges))
    is_found = evaluate(phrase, record) and not isinstance(filter_, Not)
    assert bool(edges) is is_found
    assert all(0 <= edge <= len(record.message) for edge in edges)
