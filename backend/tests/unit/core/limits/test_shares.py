"""How much one may hold of what there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.limits.shares import Shares


def most(shares: Shares, *holders: str) -> int:
    """Takes one after the other until there is no room; how many those were."""
    count = 0
    while shares.take(1, holders):
        count += 1
    return count


def test_everybody_gets_two_thirds_of_what_is_left() -> None:
    shares = Shares(270)
    assert [most(shares, name) for name in ("flood", "second", "third")] == [180, 60, 20]
    assert shares.has_room(1, ("somebody",))


@pytest.mark.parametrize("name", ["organisation", "address"])
def test_whoever_goes_by_two_names_is_bounded_by_both(name: str) -> None:
    shares = Shares(270)
    most(shares, "organisation", "address")
    assert not shares.has_room(1, (name, "something else"))
    assert shares.has_room(1, ("something else",))


def test_what_is_given_back_is_free_again_and_nothing_is_remembered() -> None:
    shares = Shares(10)
    taken = most(shares, "one")
    shares.give_back(taken, ("one",))
    assert (shares.held, most(shares, "one")) == (0, taken)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=30))
def test_there_is_never_more_held_than_there_is(wanted: list[tuple[str, int]]) -> None:
    shares = Shares(1000)
    for holder, amount in wanted:
        shares.take(amount, (holder,))
    assert shares.held <= 1000
