"""Random texts of queries, parsed and resolved, find what they find in the memory store."""

from __future__ import annotations

from random import Random

from hypothesis import given, note
from hypothesis import strategies as st

from app.logstore.types import RoutedRecord, SearchPlan
from app.query.errors import QuerySyntaxError
from app.query.parser import parse
from app.query.resolve import resolve
from tests.conformance import drawing
from tests.conformance.aiming import Facts
from tests.conformance.aiming_tables import alike_records
from tests.conformance.aiming_text import FORMS, aimed_texts
from tests.conformance.asked import Asked
from tests.conformance.drawing_text import query_texts
from tests.conformance.pairs import Pair, effort
from tests.conformance.records import ALWAYS, NOON_NS
from tests.conformance.stores import EVERYTHING

QUESTIONS = 8
AIMED = 16
ALIKE = 8


def test_random_texts_of_queries_find_the_same_records(pair: Pair) -> None:
    asked = Asked()

    @effort(40)
    @given(drawing.record_lists, st.lists(query_texts, min_size=QUESTIONS, max_size=QUESTIONS))
    def agree(records: list[RoutedRecord], queries: list[str]) -> None:
        records = [*records, *alike_records(Random(Facts.of(records).seed), ALIKE)]
        scope = pair.add(records)
        total = pair.search_both(scope, SearchPlan(EVERYTHING, ALWAYS, limit=1000))
        asks = [*(("random", text) for text in queries), *aimed_texts(Facts.of(records), AIMED)]
        for form, text in asks:
            try:
                filter_ = resolve(parse(text), now_ns=NOON_NS)
            except QuerySyntaxError:
                continue
            note(f"{text!r} is {filter_!r}")
            asked.note(f"parsed {form}")
            found = pair.search_both(scope, SearchPlan(filter_, ALWAYS, limit=1000))
            if 0 < found < total:
                asked.note(form)

    agree()
    assert asked.missing(FORMS) == set()
    assert asked.times("parsed random") > 200
