"""Following pages gives every record once, whatever its id and whatever arrives meanwhile."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from app.logstore.types import NS_PER_DAY, RoutedRecord, SearchPlan, SortKey, TimeRange, sort_key_of
from app.query.filters import Tokens
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record, a_sent_record
from tests.conformance.stores import EVERYTHING, Store

TIES = 20_000
WORDS = (
    "order",
    "Order",
    "ördér",
    "日本",
    "🦊",
    "with space",
    "a:b",
    "a/b",
    "\u00ff",
    "\uffff",
    "~",
)


def _tied(number: int) -> RoutedRecord:
    """One of many records of one instant, with an id of one of many shapes."""
    shape = number % 4
    if shape == 0:
        return a_record(f"tied n{number}")
    word = WORDS[number // 4 % len(WORDS)]
    if shape == 1:
        return a_sent_record(f"{word}-{number}", f"tied n{number}")
    if shape == 2:
        return a_sent_record(f"{number}", f"tied n{number}")
    return a_sent_record(f"{word}{number}".ljust(500, "x").encode()[:500].decode(errors="ignore"))


def _followed(store: Store, plan: SearchPlan) -> list[SortKey]:
    """What whoever goes from page to page is shown."""
    page = store.reader.search(ALICE, plan)
    followed = list(map(sort_key_of, page.records))
    while page.has_more:
        page = store.reader.search(ALICE, replace(plan, after=followed[-1]))
        followed += map(sort_key_of, page.records)
    return followed


@pytest.mark.parametrize("is_descending", [True, False])
def test_thousands_at_one_instant_come_once_each_in_order_while_more_arrive(
    store: Store,
    *,
    is_descending: bool,
) -> None:
    records = [_tied(number) for number in range(TIES)]
    for start in range(0, TIES, 5000):
        store.add(*records[start : start + 5000])
    plan = SearchPlan(EVERYTHING, ALWAYS, is_descending=is_descending, limit=997)
    seen: list[SortKey] = []
    page = store.reader.search(ALICE, plan)
    late = 0
    while True:
        seen += map(sort_key_of, page.records)
        if not page.has_more:
            break
        late += 1
        store.add(a_sent_record(f"late {late} \uffff"), a_record("late"))
        page = store.reader.search(ALICE, replace(plan, after=seen[-1]))
    assert all((b < a) if is_descending else (a < b) for a, b in pairwise(seen))
    assert len(seen) == len(set(seen))
    assert set(map(sort_key_of, records)) <= set(seen)
    assert late >= TIES // 997


def test_a_filter_pages_like_everything(store: Store) -> None:
    records = [a_record("even" if i % 2 else "odd", at=NOON_NS + i // 10) for i in range(500)]
    store.add(*records)
    plan = SearchPlan(Tokens(("even",)), ALWAYS, limit=7)
    expected = sorted((sort_key_of(r) for r in records if r.message == "even"), reverse=True)
    assert [sort_key_of(r) for r in store.all_pages(ALICE, plan)] == expected


@pytest.mark.parametrize("limit", [1, 2, 9, 10, 11, 1000])
def test_more_is_said_exactly_when_there_is_more(store: Store, limit: int) -> None:
    store.add(*(a_record(at=NOON_NS + i // 3) for i in range(10)))
    plan = SearchPlan(EVERYTHING, ALWAYS, limit=limit)
    left = 10
    while True:
        page = store.reader.search(ALICE, plan)
        assert len(page.records) == min(limit, left)
        left -= len(page.records)
        assert page.has_more is (left > 0)
        assert page.total == 10
        if not page.has_more:
            return
        plan = replace(plan, after=sort_key_of(page.records[-1]))


@pytest.mark.parametrize("is_descending", [True, False])
def test_a_page_may_start_where_no_record_is(
    store: Store,
    *,
    is_descending: bool,
) -> None:
    store.add(*(a_sent_record(name, at=NOON_NS) for name in ("a", "c", "e")))
    plan = SearchPlan(EVERYTHING, ALWAYS, is_descending=is_descending)
    for after, lower, upper in (
        (SortKey(NOON_NS, "b", NOON_NS), ["a"], ["c", "e"]),
        (SortKey(NOON_NS, "", NOON_NS), [], ["a", "c", "e"]),
        (SortKey(NOON_NS, "\U0010ffff", NOON_NS), ["e", "c", "a"], []),
        (SortKey(NOON_NS - 1, "z", NOON_NS), [], ["a", "c", "e"]),
        (SortKey(NOON_NS + 1, "a", NOON_NS), ["e", "c", "a"], []),
        (SortKey(NOON_NS, "c", NOON_NS), ["a"], ["e"]),
    ):
        page = store.reader.search(ALICE, replace(plan, after=after))
        assert [r.id for r in page.records] == (lower if is_descending else upper), after
        assert page.total == 3
        assert page.has_more is False


def test_ids_at_one_instant_are_ordered_by_code_point(store: Store) -> None:
    ids = ["Z", "a", "ä", "z", "\uffee", "🦊", "10", "9", "a b", "a:b", "a\x00b", "ab", "A"]
    store.add(*map(a_sent_record, ids))
    plan = SearchPlan(EVERYTHING, ALWAYS, is_descending=False, limit=3)
    assert [r.id for r in store.all_pages(ALICE, plan)] == sorted(ids)
    down = replace(plan, is_descending=True)
    assert [r.id for r in store.all_pages(ALICE, down)] == sorted(ids, reverse=True)


@pytest.mark.parametrize("is_descending", [True, False])
@pytest.mark.parametrize("retention_class", [3, 90, 365])
def test_records_of_one_id_and_one_time_come_once_each(
    store: Store, *, is_descending: bool, retention_class: int
) -> None:
    # What came again when it was not remembered any more: mostly in a later period.
    records = [
        a_sent_record(
            name, at=NOON_NS, received=NOON_NS + days * NS_PER_DAY, retention_class=retention_class
        )
        for days in (0, 2, 40, 80)
        for name in ("a", "b", "twin")
    ]
    for start in range(0, len(records), 3):
        store.add(*records[start : start + 3])
    every = {sort_key_of(record) for record in store.search().records}
    assert len(every) == store.search().total >= 6
    for limit in (1, 2, 3, 4, 5, 1000):
        plan = SearchPlan(EVERYTHING, ALWAYS, is_descending=is_descending, limit=limit)
        followed = _followed(store, plan)
        assert followed == sorted(every, reverse=is_descending)
        assert [sort_key_of(r) for r in store.reader.scan(ALICE, plan)] == followed


@pytest.mark.parametrize("is_descending", [True, False])
def test_a_page_may_start_behind_all_records_of_one_id(
    store: Store, *, is_descending: bool
) -> None:
    for days in (0, 2, 40):
        received = NOON_NS + days * NS_PER_DAY
        store.add(*(a_sent_record(name, at=NOON_NS, received=received) for name in "abc"))
    bound = -(2**63) if is_descending else 2**63 - 1
    after = SortKey(NOON_NS, "b", bound)
    plan = SearchPlan(EVERYTHING, ALWAYS, is_descending=is_descending, after=after)
    assert {r.id for r in store.reader.search(ALICE, plan).records} == (
        {"a"} if is_descending else {"c"}
    )


def test_order_does_not_depend_on_partitions(store: Store) -> None:
    day = 86_400_000_000_000
    records = [
        a_record(at=NOON_NS - (i * 7919) % 100, received=NOON_NS + i * day, retention_class=cls)
        for i in range(40)
        for cls in (3, 90)
    ]
    store.add(*records)
    plan = SearchPlan(EVERYTHING, ALWAYS, limit=6)
    expected = sorted(map(sort_key_of, records), reverse=True)
    assert [sort_key_of(r) for r in store.all_pages(ALICE, plan)] == expected


def test_scan_gives_every_match_in_order_whatever_its_fetch_size(store: Store) -> None:
    records = [a_record(at=NOON_NS + i % 5) for i in range(50)]
    store.add(*records)
    for limit in (1, 7, 50, 1000):
        for is_descending in (True, False):
            plan = SearchPlan(EVERYTHING, ALWAYS, limit=limit, is_descending=is_descending)
            got = [sort_key_of(r) for r in store.reader.scan(ALICE, plan)]
            assert got == sorted(map(sort_key_of, records), reverse=is_descending)


def test_a_scan_may_start_after_a_record_and_end_at_the_range(store: Store) -> None:
    records = [a_sent_record(f"{i}", at=NOON_NS + i) for i in range(9)]
    store.add(*records)
    plan = SearchPlan(
        EVERYTHING,
        TimeRange(NOON_NS, NOON_NS + 8),
        is_descending=False,
        limit=2,
        after=SortKey(NOON_NS + 4, "4", NOON_NS),
    )
    assert [r.id for r in store.reader.scan(ALICE, plan)] == ["5", "6", "7"]


def test_an_empty_store_has_an_empty_page(store: Store) -> None:
    page = store.search()
    assert (page.records, page.total, page.has_more, page.timed_out, page.skipped) == (
        (),
        0,
        False,
        False,
        (),
    )
