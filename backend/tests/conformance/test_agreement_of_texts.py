"""Random texts of queries, parsed and resolved, find what they find in the memory store."""

from __future__ import annotations

from hypothesis import given, note
from hypothesis import strategies as st

from app.logstore.types import RoutedRecord, SearchPlan
from app.query.errors import QuerySyntaxError
from app.query.parser import parse
from app.query.resolve import resolve
from tests.conformance import drawing
from tests.conformance.drawing_text import query_texts
from tests.conformance.pairs import Pair, effort
from tests.conformance.records import ALWAYS, NOON_NS

QUESTIONS = 12


def test_random_texts_of_queries_find_the_same_records(pair: Pair) -> None:
    parsed = 0

    @effort(40)
    @given(drawing.record_lists, st.lists(query_texts, min_size=QUESTIONS, max_size=QUESTIONS))
    def agree(records: list[RoutedRecord], queries: list[str]) -> None:
        nonlocal parsed
        scope = pair.add(records)
        for text in queries:
            try:
                filter_ = resolve(parse(text), now_ns=NOON_NS)
            except QuerySyntaxError:
                continue
            parsed += 1
            note(f"{text!r} is {filter_!r}")
            pair.search_both(scope, SearchPlan(filter_, ALWAYS, limit=1000))

    agree()
    assert parsed > 200
