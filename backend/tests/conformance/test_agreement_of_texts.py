"""Random texts of queries, parsed and resolved, find what they find in the memory store."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.logstore.types import RoutedRecord, SearchPlan
from app.query.errors import QuerySyntaxError
from app.query.parser import parse
from app.query.resolve import resolve
from tests.conformance import drawing
from tests.conformance.aiming import Facts
from tests.conformance.aiming_text import FORMS, aimed_texts
from tests.conformance.asked import Asked
from tests.conformance.drawing_text import query_texts
from tests.conformance.pairs import Pair, about, effort, seeds
from tests.conformance.records import ALWAYS, NOON_NS
from tests.conformance.seeded_records import alike_records, mixed_records
from tests.conformance.stores import EVERYTHING

QUESTIONS = 8
# What is asked about the very records of an example, which are so many of each sort.
AIMED, MIXED, ALIKE = 24, 5, 8


def test_random_texts_of_queries_find_the_same_records(pair: Pair) -> None:
    asked = Asked()

    def compare(records: list[RoutedRecord], queries: list[tuple[str, str]]) -> None:
        scope = pair.add(records)
        total = pair.search_both(scope, SearchPlan(EVERYTHING, ALWAYS, limit=1000))
        for form, text in queries:
            try:
                filter_ = resolve(parse(text), now_ns=NOON_NS)
            except QuerySyntaxError:
                continue
            asked.note(f"parsed {form}")
            with about(f"{text!r} is {filter_!r}"):
                found = pair.search_both(scope, SearchPlan(filter_, ALWAYS, limit=1000))
            if 0 < found < total:
                asked.note(form)

    @effort(30)
    @given(drawing.record_lists, st.lists(query_texts, min_size=QUESTIONS, max_size=QUESTIONS))
    def any_text(records: list[RoutedRecord], queries: list[str]) -> None:
        compare(records, [("random", text) for text in queries])

    any_text()
    for seed in seeds(30):
        chance = Random(seed)
        records = [*mixed_records(chance, MIXED), *alike_records(chance, ALIKE)]
        with about(f"seed {seed}"):
            compare(records, aimed_texts(chance, Facts.of(records), AIMED))
    assert asked.missing(FORMS) == set()
    assert asked.times("parsed random") > 100
