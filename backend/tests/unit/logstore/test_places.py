"""Where an organisation's records belong: a pure function of class and receive time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.logstore.partitions import Home, period_bounds, period_of
from app.logstore.places import OWN, Assignment, Places, is_shared
from app.logstore.types import NS_PER_DAY, RETENTION_CLASSES
from tests.conformance.cast import ACME
from tests.conformance.records import NOON_NS

WEEK = period_of(30, NOON_NS)
START_NS, END_NS = period_bounds(WEEK)
NEXT = period_of(30, END_NS)
OWN_NEXT = Places((Assignment(30, END_NS, OWN),))

classes = st.sampled_from(RETENTION_CLASSES)
instants = st.integers(0, 2**62)


def test_without_a_word_everybody_is_in_the_first_pool() -> None:
    assert Places().home_of(ACME, 30, NOON_NS) == Home(30, "pool0", WEEK)


def test_an_assignment_holds_from_the_start_of_its_period_on_and_for_its_class_alone() -> None:
    assert OWN_NEXT.home_of(ACME, 30, END_NS - 1) == Home(30, "pool0", WEEK)
    assert OWN_NEXT.home_of(ACME, 30, END_NS) == Home(30, str(ACME), NEXT)
    assert OWN_NEXT.home_of(ACME, 14, END_NS).pool == "pool0"


@given(st.lists(st.tuples(classes, instants), max_size=8), classes, instants)
def test_the_latest_that_has_begun_holds_in_whatever_order_they_are_read(
    said: list[tuple[int, int]], days: int, at: int
) -> None:
    assignments = [Assignment(one, from_ns, f"pool{i}") for i, (one, from_ns) in enumerate(said)]
    begun = [one for one in assignments if one.retention_class == days and one.from_ns <= at]
    allowed = {one.pool for one in begun if one.from_ns == max(b.from_ns for b in begun)}
    assert Places(tuple(assignments)).home_of(ACME, days, at).pool in (allowed or {"pool0"})


@given(classes, instants)
def test_a_sent_id_is_looked_for_where_its_first_try_may_have_gone(days: int, at: int) -> None:
    """Also when the organisation got partitions of its own in between, in either direction."""
    start, _ = period_bounds(period_of(days, at))
    for places in (Places(), Places((Assignment(days, start, OWN),))):
        for earlier in (at, max(0, at - NS_PER_DAY // 2), max(0, at - NS_PER_DAY + 1)):
            home = places.home_of(ACME, days, at)
            assert places.home_of(ACME, days, earlier) in places.remembering(ACME, home, at)


def test_a_moved_partition_has_a_twin() -> None:
    home = Home(30, "pool0", WEEK)
    moved = Places(moved=frozenset([home]))
    assert moved.with_twin(ACME, home) == [home, Home(30, str(ACME), WEEK)]
    assert moved.with_twin(ACME, Home(30, "pool0", NEXT)) == [Home(30, "pool0", NEXT)]
    # The partition of the record comes first, and its twin is of the same period.
    assert moved.remembering(ACME, home, NOON_NS)[:2] == moved.with_twin(ACME, home)


def test_pools_are_told_from_organisations() -> None:
    assert is_shared(Home(30, "pool7", WEEK))
    assert not is_shared(Home(30, str(ACME), WEEK))
