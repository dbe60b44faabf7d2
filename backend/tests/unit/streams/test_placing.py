"""Who gets partitions of its own, and who moves on to the next pool."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import OrgId
from app.logstore.measuring import Measured
from app.logstore.partitions import Home
from app.logstore.places import OWN, Assignment, Places
from app.streams.engine.placing import OWN_LEAST_RECORDS, POOL_BYTES, Decision, decide
from tests.conformance.records import an_org

FROM_NS = 1_000
A, B, C, D = (an_org(number) for number in range(1, 5))
LITTLE = OWN_LEAST_RECORDS - 1


def pool(
    recent: Mapping[OrgId, int],
    *,
    size: int = 0,
    records: int = 0,
    name: str = "pool0",
    days: int = 30,
) -> Measured:
    home = Home(days, name, "2026-w47")
    return Measured(home, size, records or sum(recent.values()), recent)


def decided(*measured: Measured, places: Mapping[OrgId, Places] | None = None) -> list[Decision]:
    return decide(measured, places or {}, lambda _days: FROM_NS)


def own(org_id: OrgId, days: int = 30) -> Decision:
    return Decision(org_id, Assignment(days, FROM_NS, OWN), "size")


def test_small_ones_share() -> None:
    assert decided() == []
    assert decided(pool({A: 10, B: 10})) == []
    # All there is, but a handful.
    assert decided(pool({A: LITTLE})) == []


def test_more_than_a_tenth_of_the_records_is_much_unless_it_is_little() -> None:
    crowd = {an_org(100 + i): LITTLE for i in range(9)}
    assert decided(pool({A: LITTLE, **crowd})) == []
    assert decided(pool({A: LITTLE + 2, **crowd})) == [own(A)]
    assert decided(pool({A: 1_000_000, B: 9_000_000, **crowd})) == [own(B)]


def test_a_gigabyte_a_day_is_much_whatever_others_bring() -> None:
    others = {an_org(100 + i): 1_000 for i in range(999)}
    heavy = pool({A: 1_001, **others}, records=1_000_000, size=1_000_000 * 10**6)
    assert {one.org_id for one in decided(heavy) if one.reason == "size"} == {A}


def test_each_class_is_weighed_by_itself() -> None:
    month = pool({A: OWN_LEAST_RECORDS, B: 5}, days=365)
    week = pool({A: 5, B: OWN_LEAST_RECORDS}, days=30)
    assert decided(month, week) == [own(B, 30), own(A, 365)]


def test_what_is_brought_is_added_up_over_partitions() -> None:
    """At the turn of a period the last day is in two of them."""
    half = OWN_LEAST_RECORDS // 2 + 1
    assert decided(pool({A: half}), pool({A: half}, name="pool0")) == [own(A)]


def test_who_has_its_own_or_was_decided_about_is_left_alone() -> None:
    much = pool({A: OWN_LEAST_RECORDS, B: OWN_LEAST_RECORDS})
    has_own = Places((Assignment(30, 0, OWN),))
    put_back = Places((Assignment(30, 0, OWN), Assignment(30, FROM_NS, "pool0")))
    assert decided(much, places={A: has_own, B: put_back}) == []
    # What holds in another class says nothing.
    assert decided(much, places={A: Places((Assignment(365, 0, OWN),))}) == [own(A), own(B)]


def test_a_full_pool_is_left_by_half_of_what_comes() -> None:
    full = pool({A: 40, B: 30, C: 20, D: 10}, records=1_000_000_000, size=POOL_BYTES + 1)
    assert decided(full) == [
        Decision(B, Assignment(30, FROM_NS, "pool1"), "full"),
        Decision(C, Assignment(30, FROM_NS, "pool1"), "full"),
    ]
    assert decided(pool({A: 40, B: 30}, records=1_000_000_000, size=POOL_BYTES)) == []


def test_the_next_pool_is_one_that_nobody_uses() -> None:
    full = pool({A: 4, B: 3}, records=1_000_000_000, size=POOL_BYTES + 1)
    other = pool({C: 1}, name="pool3")
    (decision,) = decided(full, other, places={C: Places((Assignment(30, 0, "pool3"),))})
    assert decision.assignment.pool == "pool4"


def test_who_is_alone_in_a_full_pool_stays() -> None:
    assert decided(pool({A: 4}, records=1_000_000_000, size=POOL_BYTES + 1)) == []


@given(
    st.dictionaries(st.integers(1, 60), st.integers(1, 10**7), max_size=60), st.integers(0, 10**11)
)
def test_everybody_is_decided_about_once_and_the_same_way(
    brought: dict[int, int], size: int
) -> None:
    recent = {an_org(number): count for number, count in brought.items()}
    first = decided(pool(recent, size=size))
    assert first == decided(pool(dict(reversed(recent.items())), size=size))
    assert len({one.org_id for one in first}) == len(first)
    assert {one.org_id for one in first} <= recent.keys()
    # Never more than ten have more than a tenth, and the pool's heirs weigh no more than it did.
    places = {one.org_id: Places((one.assignment,)) for one in first}
    again = decided(pool(recent, size=size), places=places)
    assert not {one.org_id for one in again} & places.keys()
