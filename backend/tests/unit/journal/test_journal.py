"""The durable queue keeps order, numbers and bytes, and says when it is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.errors import Broken, Full, Unavailable
from app.journal.envelope import seal
from app.journal.journal import THIN_AT_ONCE, TRIM_AT_ONCE, Entry, Journal

MEBIBYTE = 1 << 20


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal", max_bytes=8 * MEBIBYTE)


def everything(journal: Journal, after: int = 0) -> list[Entry]:
    found: list[Entry] = []
    while entries := journal.read(found[-1].number if found else after, max_bytes=1):
        found += entries
    return found


def test_what_was_appended_is_read_in_order(journal: Journal) -> None:
    assert journal.append([b"a", b"", b"c" * 100_000]) == 3
    assert journal.append([b"d"]) == 4
    assert everything(journal) == [(1, b"a"), (2, b""), (3, b"c" * 100_000), (4, b"d")]


def test_reading_starts_after_the_number_given_and_stops_at_the_bytes_asked_for(
    journal: Journal,
) -> None:
    journal.append([b"x" * 10] * 5)
    assert [entry.number for entry in journal.read(1, max_bytes=20)] == [2, 3]
    assert [entry.number for entry in journal.read(1, max_bytes=1)] == [2]
    assert [entry.number for entry in journal.read(0, max_bytes=1000)] == [1, 2, 3, 4, 5]
    assert journal.read(5, max_bytes=1000) == []


def test_numbers_and_identity_survive_trimming_and_reopening(tmp_path: Path) -> None:
    first = Journal(tmp_path, max_bytes=MEBIBYTE)
    first.append([b"a", b"b"])
    first.trim(2)
    first.close()
    second = Journal(tmp_path, max_bytes=MEBIBYTE)
    assert second.id == first.id
    assert second.state().shipped_number == 2
    assert second.append([b"c"]) == 3
    second.close()


def test_two_journals_have_two_identities(tmp_path: Path) -> None:
    one, other = (Journal(tmp_path / name, max_bytes=MEBIBYTE) for name in ("one", "other"))
    assert one.id != other.id


def test_the_state_counts_what_waits(journal: Journal) -> None:
    empty = journal.state()
    assert (empty.entries, empty.live_bytes, empty.last_number, empty.oldest_ns) == (0, 0, 0, None)
    journal.append([os.urandom(10_000), b"small"])
    state = journal.state()
    assert (state.entries, state.last_number, state.shipped_number) == (2, 2, 0)
    assert 10_000 < state.live_bytes < 20_000
    assert state.oldest_ns is not None
    journal.trim(2)
    assert (journal.state().entries, journal.state().live_bytes) == (0, 0)
    assert journal.state().oldest_ns is None


def test_marking_shipped_never_goes_back_and_keeps_the_entries(journal: Journal) -> None:
    journal.append([b"a", b"b"])
    journal.mark_shipped(2)
    journal.mark_shipped(1)
    assert journal.state().shipped_number == 2
    assert len(everything(journal)) == 2


def test_trimming_takes_as_many_transactions_as_it_needs(journal: Journal) -> None:
    journal.append([b"x"] * (2 * TRIM_AT_ONCE + 3))
    journal.trim(2 * TRIM_AT_ONCE + 1)
    assert [entry.number for entry in everything(journal)] == [
        2 * TRIM_AT_ONCE + 2,
        2 * TRIM_AT_ONCE + 3,
    ]


def test_a_full_journal_refuses_the_whole_append_and_takes_more_once_trimmed(
    journal: Journal,
) -> None:
    piece = os.urandom(MEBIBYTE)
    for _ in range(7):
        journal.append([piece])
    before = journal.state()
    with pytest.raises(Full) as refusal:
        journal.append([b"small", piece])
    assert refusal.value.code == "journal_full"
    assert refusal.value.retry_after_seconds
    assert journal.state() == before
    journal.trim(2)
    assert journal.append([b"small", piece]) == 9
    assert everything(journal)[-2:] == [(8, b"small"), (9, piece)]


def test_a_full_map_is_full_too_and_clears_when_the_reader_that_held_it_is_gone(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path, max_bytes=2 * MEBIBYTE)
    piece = os.urandom(MEBIBYTE // 2)
    with journal._storage.reading() as (tables, transaction):
        assert transaction.get(b"id", db=tables.meta)
        refused = 0
        for _ in range(20):
            try:
                journal.trim(journal.append([piece]))
            except Full:
                refused += 1
        assert refused
        last = journal.state().last_number
    for _ in range(20):
        journal.trim(journal.append([piece]))
    assert journal.state().last_number == last + 20


def test_requests_of_one_commit_stand_each_for_itself(journal: Journal) -> None:
    small, large = seal(b"small"), seal(os.urandom(9 * MEBIBYTE))
    first, refused, last = journal.append_each([[small], [small, large], [small, small]])
    assert (first, last) == (1, 3)
    assert isinstance(refused, Full)
    assert [entry.payload for entry in everything(journal)] == [b"small"] * 3


def test_a_journal_is_thinned_around_what_is_kept(journal: Journal) -> None:
    last = 2 * THIN_AT_ONCE + 10
    journal.append([b"%d" % number for number in range(1, last + 1)])
    journal.trim(1)
    kept = {2, 3, THIN_AT_ONCE + 7, last - 2, last}
    before = journal.state()
    kept_bytes = journal.thin(2, last - 1, kept=kept)
    assert [entry.number for entry in everything(journal)] == sorted(kept)
    after = journal.state()
    assert (after.entries, after.last_number, after.shipped_number) == (5, last, 1)
    assert after.live_bytes < before.live_bytes
    # What is outside of the range was not looked at.
    assert journal.thin(1, last, kept=kept) == after.live_bytes > kept_bytes
    assert journal.thin(1, last, kept=()) == 0
    empty = journal.state()
    assert (empty.entries, empty.live_bytes, empty.shipped_number) == (0, 0, last)
    assert journal.append([b"next"]) == last + 1


def test_an_entry_is_replaced_by_others_behind_all(journal: Journal) -> None:
    journal.append([b"a", b"b" * 10_000, b"c"])
    before = journal.state()
    assert journal.replace(2, [b"b" * 5_000, b"b" * 5_000]) == 5
    assert everything(journal) == [(1, b"a"), (3, b"c"), (4, b"b" * 5_000), (5, b"b" * 5_000)]
    after = journal.state()
    assert (after.entries, after.last_number, after.oldest_ns) == (4, 5, before.oldest_ns)
    with pytest.raises(Broken):
        journal.replace(2, [b"again"])
    journal.trim(5)
    assert journal.state().live_bytes == 0


def test_an_entry_can_be_replaced_in_a_full_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=MEBIBYTE)
    while journal.state().live_bytes + 50_000 < MEBIBYTE:
        journal.append([os.urandom(40_000)])
    payload = everything(journal)[0].payload
    journal.replace(1, [payload[:20_000], payload[20_000:]])
    assert b"".join(entry.payload for entry in everything(journal)[-2:]) == payload
    journal.close()


def test_appending_nothing_is_our_own_mistake(journal: Journal) -> None:
    with pytest.raises(Broken):
        journal.append([])


def test_a_closed_journal_is_unavailable(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(Unavailable):
        journal.append([b"a"])


def test_a_journal_opened_before_fork_refuses_to_work_in_the_child(journal: Journal) -> None:
    child = os.fork()
    if child == 0:
        try:
            journal.append([b"a"])
        except Broken:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_file_that_was_cut_short_is_named_and_not_touched(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    journal.append([os.urandom(MEBIBYTE)])
    journal.close()
    file = tmp_path / "data.mdb"
    os.truncate(file, file.stat().st_size // 2)
    size = file.stat().st_size
    with pytest.raises(Unavailable, match="cut short"):
        Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    assert file.stat().st_size == size


def test_a_file_that_is_no_journal_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"something else" * 1000)
    with pytest.raises(Unavailable):
        Journal(tmp_path, max_bytes=MEBIBYTE)
