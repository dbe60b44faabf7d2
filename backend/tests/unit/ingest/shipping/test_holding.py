"""A partition that nobody repairs costs the others a bounded part of the journal, whatever comes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.ingest.directory import DefaultStreams
from app.ingest.shipping.holding import Holding
from app.ingest.shipping.shipper import Parts
from app.journal.journal import Journal
from app.journal.refusals import Refusals, Refused, read_refused
from tests.shipping import is_shipped, shipping, until
from tests.unit.core.limits.clocks import TurnedClock
from tests.unit.ingest.shipping.entries import ACME, GLOBEX, QUICK, batch, messages
from tests.unit.ingest.shipping.stores import HoldingStore

MEBIBYTE = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal", max_bytes=MEBIBYTE)
    yield opened
    opened.close()


def large(message: str) -> bytes:
    """A line that does not get smaller."""
    return b'{"message":"%s","text":"%s"}' % (message.encode(), os.urandom(20_000).hex().encode())


def numbers(journal: Journal) -> list[int]:
    return [entry.number for entry in journal.read(0, max_bytes=MEBIBYTE * 64)]


def test_all_others_go_on_for_ever_and_the_refused_come_back(small: Journal) -> None:
    store = HoldingStore("held")
    with shipping(Parts(small, store, DefaultStreams()), QUICK):
        sent = 0
        while read_refused(small.directory) != {GLOBEX}:
            small.append([batch(large(f"held {sent}"), org_id=GLOBEX)])
            sent += 1
            until(lambda last=sent: len(store.waiting(small.id)) == last)
            assert sent < 50
        # Of the others comes four times what the journal holds.
        for round_ in range(20):
            small.append([batch(large(f"{round_} {n}")) for n in range(5)])
            until(lambda last=(round_ + 1) * 5: len(messages(store)) == last)
        until(lambda: small.state().entries == sent)
        assert small.state().live_bytes < MEBIBYTE / 2
        store.holds = False
        until(lambda: is_shipped(small))
        until(lambda: read_refused(small.directory) == set())
    assert sorted(messages(store, GLOBEX)) == sorted(f"held {n}" for n in range(sent))
    assert len(set(messages(store))) == len(messages(store)) == 100


def test_entries_are_forgotten_around_those_that_are_kept(small: Journal) -> None:
    small.append([b"x"] * 10)
    holding = Holding(small)
    holding.begin(10)
    for number in range(1, 9):
        holding.note(number, ACME)
    assert holding.trim(5, {3, 5, 8}) == 2
    assert numbers(small) == [3, 5, 6, 7, 8, 9, 10]
    assert holding.trim(8, {3, 5, 8}) == 2
    assert numbers(small) == [3, 5, 8, 9, 10]
    # What is not kept any more goes, wherever it is.
    assert holding.trim(8, {3, 8}) == 2
    assert numbers(small) == [3, 8, 9, 10]
    assert holding.trim(9, {8}) == 7
    assert numbers(small) == [8, 10]
    assert holding.trim(10, set()) == 10
    assert small.state().entries == 0


def test_who_is_refused_is_known_when_everything_was_looked_at_again(small: Journal) -> None:
    payload = os.urandom(100_000)
    small.append([payload] * 6)
    holding = Holding(small)
    holding.begin(6)
    for number in range(1, 7):
        holding.note(number, GLOBEX if number % 2 else ACME)
    holding.trim(6, {1, 3, 5})
    assert read_refused(small.directory) == {GLOBEX}
    # A shipper that begins again has seen nothing yet.
    again = Holding(small)
    again.begin(6)
    again.note(1, GLOBEX)
    again.trim(1, {1})
    assert read_refused(small.directory) == {GLOBEX}
    again.note(3, GLOBEX)
    again.trim(6, {3})
    assert read_refused(small.directory) == set()


def test_nobody_stays_refused_for_the_sake_of_an_entry_that_was_set_aside(small: Journal) -> None:
    small.append([os.urandom(300_000), b"x", b"x"])
    Refused(small.directory).say({GLOBEX})
    holding = Holding(small)
    holding.begin(3)
    small.set_aside(3, "damaged")
    holding.note(1, GLOBEX)
    holding.trim(1, {1})
    assert read_refused(small.directory) == {GLOBEX}
    holding.note(2, ACME)
    holding.trim(2, {1})
    assert read_refused(small.directory) == {GLOBEX}
    # Nothing comes behind it: who alone sends here is refused.
    holding.trim(2, set())
    assert read_refused(small.directory) == set()


def test_an_intake_learns_who_is_refused(small: Journal) -> None:
    watch = TurnedClock()
    refusals = Refusals(small.directory, watch)
    refusals.check(ACME)
    small.append([os.urandom(300_000)])
    holding = Holding(small)
    holding.note(1, GLOBEX)
    holding.trim(1, {1})
    watch.turn(1.0)
    refusals.check(ACME)
    with pytest.raises(Unavailable) as told:
        refusals.check(GLOBEX)
    assert (told.value.code, told.value.retry_after_seconds) == ("partition_refuses", 30)
    holding.trim(1, set())
    watch.turn(1.0)
    refusals.check(GLOBEX)
    (small.directory / "refused.json").write_text("{")
    watch.turn(1.0)
    refusals.check(GLOBEX)
