"""A record that is shipped twice goes to the same partition twice, whatever changed meanwhile."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import StreamTarget
from app.ingest.shipping.decisions import ASK_AGAIN_SECONDS, FILE_NAME, MAX_LINES, Decisions

ACME = OrgId(UUID(int=1))
GLOBEX = OrgId(UUID(int=2))


class Changing:
    """A directory whose answer changes, and that may be down."""

    def __init__(self) -> None:
        self.days = 30
        self.is_down = False
        self.asked = 0

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        self.asked += 1
        if self.is_down:
            raise Unavailable("down")
        return StreamTarget(stream_name or "default", self.days)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ns(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


def test_a_new_answer_holds_for_entries_that_nobody_has_looked_at(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    decisions = Decisions(streams, tmp_path, last_number=0, clock=clock)
    assert decisions(ACME, "", 1) == StreamTarget("default", 30)
    streams.days = 90
    clock.seconds += ASK_AGAIN_SECONDS - 1
    assert decisions(ACME, "", 5) == StreamTarget("default", 30)
    assert streams.asked == 1
    clock.seconds += 1
    # Reading began again: this entry may have been shipped.
    assert decisions(ACME, "", 4) == StreamTarget("default", 30)
    assert streams.asked == 2
    assert decisions(ACME, "", 5) == StreamTarget("default", 30)
    assert decisions(ACME, "", 6) == StreamTarget("default", 90)
    streams.days = 7
    clock.seconds += ASK_AGAIN_SECONDS
    assert decisions(ACME, "", 7) == StreamTarget("default", 7)
    assert [decisions(ACME, "", number).retention_class for number in (1, 5, 6, 7, 8)] == [
        *(30, 30, 90, 7, 7)
    ]


def test_a_change_that_is_taken_back_before_it_holds_never_did(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    decisions = Decisions(streams, tmp_path, last_number=9, clock=clock)
    decisions(ACME, "", 1)
    for days in (90, 30):
        streams.days = days
        clock.seconds += ASK_AGAIN_SECONDS
        decisions(ACME, "", 2)
    assert decisions(ACME, "", 10).retention_class == 30


def test_a_decision_survives_a_crash_that_cuts_the_file_short(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    first = Decisions(streams, tmp_path, last_number=0, clock=clock)
    first(ACME, "", 1)
    first(GLOBEX, 'odd\n"name"', 2)
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b'["000')
    streams.days = 90
    second = Decisions(streams, tmp_path, last_number=3, clock=clock)
    assert second(ACME, "", 1) == StreamTarget("default", 30)
    assert second(GLOBEX, 'odd\n"name"', 3).retention_class == 30
    assert second(ACME, "", 4).retention_class == 90
    second(ACME, "new", 4)
    third = Decisions(streams, tmp_path, last_number=4, clock=clock)
    assert third(ACME, "new", 4) == StreamTarget("new", 90)
    assert [third(ACME, "", number).retention_class for number in (3, 4)] == [30, 90]


def test_known_streams_go_on_while_the_directory_is_down(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    decisions = Decisions(streams, tmp_path, last_number=0, clock=clock)
    decisions(ACME, "", 1)
    streams.is_down = True
    clock.seconds += ASK_AGAIN_SECONDS
    assert decisions(ACME, "", 2) == StreamTarget("default", 30)
    with pytest.raises(Unavailable):
        decisions(GLOBEX, "", 3)


def test_what_the_first_release_wrote_holds_from_the_start(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(f'["{ACME}","","default",7]\n')
    streams = Changing()
    decisions = Decisions(streams, tmp_path, last_number=4, clock=HandClock())
    assert decisions(ACME, "", 4).retention_class == 7
    assert decisions(ACME, "", 5).retention_class == 30


def test_senders_cannot_make_it_remember_names_without_end(tmp_path: Path) -> None:
    lines = [f'["{ACME}","{number}","{number}",30,0]' for number in range(MAX_LINES)]
    (tmp_path / FILE_NAME).write_text("\n".join(lines) + "\n")
    decisions = Decisions(Changing(), tmp_path, last_number=10, clock=HandClock())
    decisions(ACME, "1", 11)
    decisions.forget(11)
    assert _lines(tmp_path) == MAX_LINES
    decisions(ACME, "one more", 12)
    decisions(ACME, "2", 13)
    decisions.forget(11)
    assert _lines(tmp_path) == 2
    again = Decisions(Changing(), tmp_path, last_number=13, clock=HandClock())
    assert again(ACME, "2", 13) == StreamTarget("2", 30)


def test_changes_without_end_leave_only_what_may_be_asked_again(tmp_path: Path) -> None:
    lines = [f'["{ACME}","","default",{7 + number % 2},{number}]' for number in range(MAX_LINES)]
    (tmp_path / FILE_NAME).write_text("\n".join(lines) + "\n")
    streams = Changing()
    decisions = Decisions(streams, tmp_path, last_number=MAX_LINES, clock=HandClock())
    decisions(ACME, "", MAX_LINES)
    decisions.forget(MAX_LINES - 3)
    assert _lines(tmp_path) == 3
    before = [decisions(ACME, "", MAX_LINES - back).retention_class for back in (2, 1, 0, -1)]
    again = Decisions(streams, tmp_path, last_number=MAX_LINES, clock=HandClock())
    after = [again(ACME, "", MAX_LINES - back).retention_class for back in (2, 1, 0, -1)]
    assert before == after == [7, 8, 8, 30]


def test_a_decision_that_the_disk_had_no_room_for_is_made_later(tmp_path: Path) -> None:
    decisions = Decisions(Changing(), tmp_path, last_number=0, clock=HandClock())
    decisions(ACME, "", 1)
    size = (tmp_path / FILE_NAME).stat().st_size
    with _files_of_at_most(size + 10), pytest.raises(Unavailable):
        decisions(GLOBEX, "", 2)
    assert (tmp_path / FILE_NAME).stat().st_size == size
    decisions(GLOBEX, "", 2)
    streams = Changing()
    streams.days = 90
    again = Decisions(streams, tmp_path, last_number=2, clock=HandClock())
    assert [again(org, "", 2).retention_class for org in (ACME, GLOBEX)] == [30, 30]


def test_a_file_that_was_cut_short_is_mended_without_room_too(tmp_path: Path) -> None:
    first = Decisions(Changing(), tmp_path, last_number=0, clock=HandClock())
    first(ACME, "", 1)
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(whole + b'["000')
    with _files_of_at_most(10):
        Decisions(Changing(), tmp_path, last_number=1, clock=HandClock())
    assert (tmp_path / FILE_NAME).read_bytes() == whole


def test_a_file_that_has_no_room_to_be_made_anew_stays_as_it_is(tmp_path: Path) -> None:
    lines = [f'["{ACME}","{number}","{number}",30,0]' for number in range(MAX_LINES)]
    (tmp_path / FILE_NAME).write_text("\n".join(lines) + "\n")
    decisions = Decisions(Changing(), tmp_path, last_number=10, clock=HandClock())
    decisions(ACME, "one more", 11)
    decisions(ACME, "2", 12)
    with _files_of_at_most(10), pytest.raises(Unavailable):
        decisions.forget(11)
    assert _lines(tmp_path) == MAX_LINES + 1
    decisions.forget(11)
    assert _lines(tmp_path) == 1
    assert decisions(ACME, "2", 13) == StreamTarget("2", 30)


@pytest.mark.parametrize("days", [7, 30])
def test_a_journal_that_begins_anew_beside_old_decisions_is_shipped(
    tmp_path: Path, days: int
) -> None:
    (tmp_path / FILE_NAME).write_text(f'["{ACME}","","default",{days},500]\n')
    for last_number in (0, 1):
        decisions = Decisions(Changing(), tmp_path, last_number=last_number, clock=HandClock())
        assert decisions(ACME, "", 1) == StreamTarget("default", 30)


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk without room: no file grows beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _lines(folder: Path) -> int:
    return (folder / FILE_NAME).read_bytes().count(b"\n")
