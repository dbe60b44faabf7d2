"""Random records, random filters: every store finds what the memory store finds."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.logstore.memory.evaluate import evaluate
from app.logstore.memory.highlight import highlight
from app.logstore.memory.matcher import matcher
from app.logstore.types import (
    RoutedRecord,
    SearchPlan,
    StoredRecord,
    TimeRange,
)
from app.query.filters import Filter, Not, Or, Tokens
from app.query.words import token_texts
from tests.conformance import asked as asked_about
from tests.conformance import drawing
from tests.conformance.aiming import Facts, aimed_filters
from tests.conformance.asked import Asked
from tests.conformance.drawn import Drawn
from tests.conformance.pairs import Pair, about, effort, seeds
from tests.conformance.records import ALWAYS
from tests.conformance.seeded_records import alike_records, mixed_records
from tests.conformance.stores import EVERYTHING

QUESTIONS = 8
# What is asked about the very records of an example, which are so many of each sort.
AIMED, MIXED, ALIKE = 24, 5, 8
LOOKED_BEHIND = 4


def test_random_filters_find_the_same_records(pair: Pair) -> None:
    drawn, asked = Drawn(), Asked()

    def compare(records: list[RoutedRecord], filters: list[Filter]) -> None:
        drawn.note(records)
        scope = pair.add(records)
        total = pair.search_both(scope, SearchPlan(EVERYTHING, ALWAYS, limit=1000))
        for filter_ in filters:
            with about(filter_):
                found = pair.search_both(scope, SearchPlan(filter_, ALWAYS, limit=1000))
            asked.note_filter(filter_, found=found, total=total)

    some_filters = st.lists(drawing.filters, min_size=QUESTIONS, max_size=QUESTIONS)
    effort(40)(given(drawing.record_lists, some_filters)(compare))()
    for seed in seeds(50):
        chance = Random(seed)
        records = [*mixed_records(chance, MIXED), *alike_records(chance, ALIKE)]
        with about(f"seed {seed}"):
            compare(records, aimed_filters(chance, Facts.of(records), AIMED))
    assert drawn.missing() == set()
    assert asked.missing(asked_about.FILTERS) == set()


@st.composite
def _plans(draw: st.DrawFn) -> SearchPlan:
    return SearchPlan(
        draw(st.one_of(st.just(EVERYTHING), drawing.leaves)),
        draw(st.one_of(st.just(ALWAYS), st.builds(TimeRange, drawing.instants, drawing.instants))),
        stream=draw(st.sampled_from([None, "default", "other", "_hidden", "nowhere"])),
        is_descending=draw(st.booleans()),
        limit=draw(st.integers(1, 8)),
    )


def _kinds_of_plan(plan: SearchPlan, records: list[StoredRecord]) -> set[str]:
    """What a plan is an example of, by the records that it found."""
    kinds = {"newest first" if plan.is_descending else "oldest first"}
    if len(records) > plan.limit:
        kinds.add("several pages")
        edge = records[plan.limit - 1].timestamp_ns, records[plan.limit].timestamp_ns
        kinds.add("one instant on two pages" if edge[0] == edge[1] else "an instant a page")
    if records:
        kinds.add(f"stream {plan.stream}")
        kinds.add("a filter" if plan.filter != EVERYTHING else "no filter")
        kinds.add("all times" if plan.range == ALWAYS else "a range of times")
    return kinds


def test_random_plans_page_through_the_same_records(pair: Pair) -> None:
    asked = Asked()

    def compare(records: list[RoutedRecord], plans: list[SearchPlan]) -> None:
        scope = pair.add(records)
        for plan in plans:
            with about(plan):
                pair.search_both(scope, plan)
                pages = list(pair.other.reader.scan(scope, plan))
                assert pages == list(pair.oracle.reader.scan(scope, plan))
                for record in pages[:: max(1, len(pages) // LOOKED_BEHIND)]:
                    pair.search_both(scope, replace(plan, after=drawing.key_of(record)))
            asked.note(*_kinds_of_plan(plan, pages))

    effort(20)(given(drawing.record_lists, st.lists(_plans(), min_size=5, max_size=5))(compare))()
    for seed in seeds(20):
        chance = Random(seed)
        records = [*mixed_records(chance, MIXED), *alike_records(chance, ALIKE)]
        with about(f"seed {seed}"):
            compare(records, [_aimed_plan(chance, records) for _ in range(6)])
    assert asked.missing(asked_about.PAGES) == set()


def _aimed_plan(chance: Random, records: list[RoutedRecord]) -> SearchPlan:
    """A few pages, some of a part of the time."""
    instants = sorted(record.timestamp_ns for record in chance.sample(records, 2))
    return SearchPlan(
        chance.choice([EVERYTHING, aimed_filters(chance, Facts.of(records), 1)[0]]),
        chance.choice([ALWAYS, TimeRange(instants[0], instants[1] + 1)]),
        stream=chance.choice([None, None, "default", "other", "_hidden"]),
        is_descending=chance.random() < 0.5,
        limit=chance.randint(1, 5),
    )


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
