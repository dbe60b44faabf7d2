"""What is in the journal gets into the store: once, in order, and what nobody can read is kept."""

from __future__ import annotations

import time

from app.ingest.directory import DefaultStreams
from app.ingest.shipping.pace import Pace
from app.ingest.shipping.prefetch import TOGETHER_RECORDS
from app.ingest.shipping.shipper import Parts
from app.journal.journal import Journal
from app.journal.status import read_status
from app.logstore.memory.store import MemoryStore
from app.logstore.types import Position
from tests.shipping import is_shipped, shipping, until
from tests.unit.ingest.shipping.entries import (
    GLOBEX,
    QUICK,
    batch,
    last_error_of,
    messages,
    records,
)
from tests.unit.ingest.shipping.stores import CountingStore, PickyStore

LONG_AGO_NS = 1_000_000_000_000_000_000


def test_what_is_in_the_journal_gets_into_the_store_and_out_of_the_journal(
    journal: Journal,
) -> None:
    store = MemoryStore()
    journal.append([batch(b'{"message":"before"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        for number in range(20):
            journal.append([batch(b'{"message":"%02d"}' % number)])
        journal.append([batch(b'{"message":"theirs"}', org_id=GLOBEX)])
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == [f"{number:02}" for number in range(20)] + ["before"]
    assert messages(store, GLOBEX) == ["theirs"]
    assert journal.state().entries == 0


def fresh_ns() -> int:
    """A receive time with which a shipper is not behind, however long it gets nothing of the machine."""
    return time.time_ns() + 3_600 * 10**9


def test_asked_to_stop_it_commits_what_it_has_appended(journal: Journal) -> None:
    store = CountingStore()
    never = Pace(commit_seconds=1_000_000)
    with shipping(Parts(journal, store, DefaultStreams()), never) as stop:
        # The first commit is due at once; the second only because it is asked to stop.
        journal.append([batch(b'{"message":"first"}')])
        until(lambda: is_shipped(journal))
        journal.append([batch(b'{"message":"second"}', received_ns=fresh_ns())])
        until(lambda: store.appends == 2)
        assert messages(store) == ["first"]
        stop.ask()
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == ["first", "second"]


def test_many_records_are_committed_before_the_second_is_over(journal: Journal) -> None:
    store = CountingStore()
    by_number = Pace(commit_seconds=1_000_000, commit_records=3)
    with shipping(Parts(journal, store, DefaultStreams()), by_number):
        journal.append([batch(b'{"message":"first"}')])
        until(lambda: is_shipped(journal))
        at_ns = fresh_ns()
        two, one = batch(b"{}", b"{}", received_ns=at_ns), batch(b"{}", received_ns=at_ns)
        journal.append([two, one])
        until(lambda: is_shipped(journal))


def test_who_is_behind_commits_less_often_and_at_once_when_nothing_is_left(
    journal: Journal,
) -> None:
    store = CountingStore()
    pace = Pace(commit_seconds=0.001, behind_factor=1_000_000_000)
    lines = [b"{}"] * TOGETHER_RECORDS
    journal.append([batch(*lines, received_ns=LONG_AGO_NS) for _ in range(5)])
    with shipping(Parts(journal, store, DefaultStreams()), pace):
        until(lambda: is_shipped(journal))
        # The first commit is due at once.
        assert store.appended_at_commits == [1, 5]
        journal.append([batch(b"{}", received_ns=fresh_ns())])
        until(lambda: is_shipped(journal))
    assert store.appended_at_commits == [1, 5, 6]


def test_a_line_that_cannot_be_read_is_found_in_quarantine(journal: Journal) -> None:
    store = MemoryStore()
    journal.append(
        [batch(b'{"message":"good"}', b'{"half":', b"\xff\x00", bad={2: "invalid_utf8"})]
    )
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    assert messages(store) == ["good"]
    half, bytes_ = sorted(records(store, stream="_quarantine"), key=lambda one: one.message)
    assert half.attributes == {
        "reason": "invalid_json",
        "source": "ndjson",
        "stream": "default",
        "raw": '{"half":',
    }
    assert (half.message, bytes_.attributes["reason"]) == ('{"half":', "invalid_utf8")


def test_what_the_store_can_never_take_is_found_in_quarantine(journal: Journal) -> None:
    store = PickyStore("unwanted")
    journal.append([batch(b'{"message":"good"}', b'{"message":"unwanted"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    assert messages(store) == ["good"]
    (entry,) = records(store, stream="_quarantine")
    assert entry.attributes["reason"] == "too_odd"
    assert entry.attributes["detail"] == "nobody wants it"
    assert entry.attributes["raw"] == '{"message":"unwanted"}'


def test_an_entry_that_even_quarantine_cannot_take_stays_beside_the_journal(
    journal: Journal,
) -> None:
    store = PickyStore("")
    journal.append([batch(b'{"message":"unwanted"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    assert (journal.state().entries, journal.damaged_numbers()) == (0, [1])


def test_an_entry_that_makes_no_sense_is_set_aside_and_the_next_is_shipped(
    journal: Journal,
) -> None:
    store = MemoryStore()
    journal.append([b"", b"\x01\xff\xff\xff\x00", batch(b'{"message":"good"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
        assert messages(store) == ["good"]
        journal.append([b"\x01 no sense either"])
        until(lambda: is_shipped(journal))
    assert journal.damaged_numbers() == [1, 2, 4]


def test_an_entry_of_a_later_release_is_not_touched_and_said(journal: Journal) -> None:
    journal.append([b"\x63" + batch(b'{"message":"good"}')[1:]])
    with shipping(Parts(journal, MemoryStore(), DefaultStreams()), QUICK):
        until(lambda: "version 99" in last_error_of(journal))
    assert journal.state().entries == 1


def test_what_was_committed_but_not_trimmed_is_not_stored_again(journal: Journal) -> None:
    store = MemoryStore()
    journal.append([batch(b'{"message":"a"}'), batch(b'{"message":"b"}')])
    store.append([], position=Position(journal.id, 1))
    store.commit()
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    assert messages(store) == ["b"]


def test_the_store_is_looked_after(journal: Journal) -> None:
    store = CountingStore()
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: store.maintained > 1)


def test_the_status_names_the_process_and_its_last_commit(journal: Journal) -> None:
    with shipping(Parts(journal, MemoryStore(), DefaultStreams()), QUICK):
        until(lambda: (status := read_status(journal.directory)) is not None and status.pid > 0)
        journal.append([batch(b"{}")])
        until(lambda: is_shipped(journal))
    status = read_status(journal.directory)
    assert status is not None
    assert (status.state, status.last_error) == ("stopped", None)
    assert status.last_commit_ns is not None


def test_the_fault_points_are_passed_in_order(journal: Journal) -> None:
    passed: list[str] = []
    journal.append([batch(b"{}")])
    with shipping(Parts(journal, MemoryStore(), DefaultStreams(), fault=passed.append), QUICK):
        until(lambda: is_shipped(journal))
    assert passed == [
        "ship:after_append",
        "ship:after_commit",
        "ship:before_trim",
        "ship:after_trim",
    ]
