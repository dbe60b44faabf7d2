"""A store or a directory that is away, refuses or holds back: everything is shipped once all the
same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import DefaultStreams, StreamTarget
from app.ingest.shipping.backoff import FIRST_SECONDS
from app.ingest.shipping.decisions import Decisions
from app.ingest.shipping.pace import Pace
from app.ingest.shipping.shipper import Parts
from app.ingest.shipping.suspects import Suspects
from app.journal.journal import TRIM_AT_ONCE, Journal
from app.journal.status import read_status
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.memory.store import MemoryStore
from app.logstore.types import AppendReport, Position, Rejected, RoutedRecord
from tests.shipping import is_shipped, shipping, until
from tests.unit.ingest.shipping.entries import (
    ACME,
    GLOBEX,
    QUICK,
    batch,
    last_error_of,
    messages,
    state_of,
)
from tests.unit.ingest.shipping.journals import FlakyJournal, KilledError, TornJournal
from tests.unit.ingest.shipping.stores import (
    CountingStore,
    DatedStore,
    FlakyStore,
    ForgetfulStore,
    HoldingStore,
    LosingStore,
    StrictStore,
)


class DownFor:
    """A directory that cannot tell for one organisation."""

    def __init__(self, org_id: OrgId) -> None:
        self._org_id = org_id
        self.is_down = True
        self.retention_class = 30

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        if self.is_down and org_id == self._org_id:
            raise Unavailable("no directory")
        return StreamTarget("default", self.retention_class)


@pytest.fixture
def flaky(tmp_path: Path) -> Iterator[FlakyJournal]:
    opened = FlakyJournal(tmp_path / "journal", max_bytes=64 << 20)
    yield opened
    opened.close()


def test_a_journal_that_fails_before_a_commit_has_nothing_stored_twice(
    flaky: FlakyJournal,
) -> None:
    store = MemoryStore()
    behind = Pace(commit_seconds=0.001, behind_factor=1_000_000_000, status_seconds=1_000_000)
    flaky.append([batch(b'{"message":"first"}')])
    with shipping(Parts(flaky, store, DefaultStreams()), behind):
        until(lambda: is_shipped(flaky))
        flaky.states_failing = 1
        flaky.append([batch(b'{"message":"second"}')])
        until(lambda: flaky.states_failing == 0)
        until(lambda: is_shipped(flaky))
    assert "no state" in last_error_of(flaky)
    assert sorted(messages(store)) == ["first", "second"]


def test_what_nobody_can_store_waits_for_its_place_beside_the_journal(
    flaky: FlakyJournal,
) -> None:
    store = StrictStore("odd")
    flaky.set_asides_failing = 2
    flaky.append([batch(b'{"message":"good"}'), batch(b'{"message":"fine"}', b'{"message":"odd"}')])
    with shipping(Parts(flaky, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(flaky))
    assert "no room beside" in last_error_of(flaky)
    assert sorted(messages(store)) == ["fine", "good"]
    assert (flaky.state().entries, flaky.damaged_numbers()) == (0, [2])


class FalteringStore(EmbeddedWriter):
    """Can never take records of any stream with `odd` in their message; its first commit fails."""

    has_failed = False

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        good = [record for record in records if "odd" not in record.message]
        report = super().append(good, position=position)
        rejected = (Rejected(n, "odd", "") for n, one in enumerate(records) if one not in good)
        return AppendReport(report.stored, report.repeated, tuple(rejected))

    @override
    def commit(self) -> None:
        if not self.has_failed:
            self.has_failed = True
            self._let_go(Unavailable("down"))
            raise Unavailable("down")
        super().commit()


def test_an_entry_that_was_set_aside_before_a_commit_that_failed_stops_nobody(
    journal: Journal, tmp_path: Path
) -> None:
    writer = FalteringStore(tmp_path / "logs")
    journal.append([batch(b'{"message":"odd"}'), batch(b'{"message":"fine"}')])
    with shipping(Parts(journal, writer, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    writer.close()
    reader = EmbeddedReader(tmp_path / "logs")
    assert messages(reader) == ["fine"]
    reader.close()
    assert journal.damaged_numbers() == [1]


def test_a_trim_that_was_cut_short_is_finished_by_the_next_shipper(tmp_path: Path) -> None:
    torn = TornJournal(tmp_path, max_bytes=64 << 20)
    last = torn.append([batch(b"{}")] * (TRIM_AT_ONCE + 1))
    with pytest.raises(KilledError):
        torn.trim(last)
    torn.close()
    journal = Journal(tmp_path, max_bytes=64 << 20)
    assert (journal.state().shipped_number, journal.state().entries) == (last, 1)
    store = MemoryStore()
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: journal.state().entries == 0)
    assert messages(store) == []
    journal.close()


def test_an_entry_whose_refused_half_has_to_wait_is_shipped_whole_again(journal: Journal) -> None:
    store = ForgetfulStore("odd", refusals=2)
    journal.append([batch(b'{"message":"earlier"}')])
    journal.append([batch(b'{"message":"fine"}', b'{"message":"odd"}')])
    with shipping(Parts(journal, store, DefaultStreams()), Pace(commit_seconds=0.3)):
        until(lambda: store.refusals == 0 and is_shipped(journal))
    assert sorted(messages(store)) == ["earlier", "fine"]
    assert messages(store, stream="_quarantine") == ['{"message":"odd"}']


def test_a_store_that_is_down_gets_everything_when_it_is_back(journal: Journal) -> None:
    store = FlakyStore(appends_refused=2, commits_refused=2)
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        for number in range(10):
            journal.append([batch(b'{"message":"%d"}' % number)])
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == [str(number) for number in range(10)]
    assert "down" in last_error_of(journal)
    assert (store.appends_refused, store.commits_refused) == (0, 0)


def test_pauses_grow_when_only_commits_fail(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    store = FlakyStore(commits_refused=3)
    journal.append([batch(b"{}")])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    said = [one.msg for one in caplog.records if isinstance(one.msg, dict)]
    pauses = [one["seconds"] for one in said if one["event"] == "shipper_retrying"]
    assert len(pauses) == 3
    assert pauses[0] <= FIRST_SECONDS < 2 * FIRST_SECONDS <= pauses[2]


def test_it_stops_while_the_store_is_down(journal: Journal) -> None:
    store = FlakyStore(appends_refused=1_000_000)
    journal.append([batch(b'{"message":"kept"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: "append: down" in last_error_of(journal))
    assert journal.state().entries == 1
    status = read_status(journal.directory)
    assert status is not None
    assert status.state == "stopped"


def test_a_directory_that_is_down_keeps_the_entry_and_stores_the_others_once(
    journal: Journal,
) -> None:
    store = CountingStore()
    streams = DownFor(GLOBEX)
    never = Pace(commit_seconds=1_000_000)
    with shipping(Parts(journal, store, streams), never):
        journal.append([batch(b'{"message":"first"}')])
        until(lambda: is_shipped(journal))
        journal.append([batch(b'{"message":"second"}'), batch(b"{}", org_id=GLOBEX)])
        until(lambda: "no directory" in last_error_of(journal))
        until(lambda: sorted(messages(store)) == ["first", "second"])
        streams.is_down = False
        until(lambda: store.appends == 3)
    assert sorted(messages(store)) == ["first", "second"]
    assert messages(store, GLOBEX) == ["{}"]


def test_what_a_crash_cut_short_goes_where_it_went_and_what_follows_where_it_should(
    journal: Journal,
) -> None:
    store = DatedStore()
    streams = DownFor(GLOBEX)
    journal.append([batch(b'{"message":"before"}')])
    # A process before us decided, appended and died before its commit was trimmed.
    decisions = Decisions(streams, journal.directory, last_number=0)
    assert decisions(ACME, "", 1).retention_class == 30
    streams.retention_class = 90
    with shipping(Parts(journal, store, streams), QUICK):
        until(lambda: is_shipped(journal))
        assert store.classes == {"before": 30}
        journal.append([batch(b'{"message":"after"}')])
        until(lambda: is_shipped(journal))
    assert store.classes == {"before": 30, "after": 90}


def test_what_the_store_holds_back_stays_in_the_journal_and_the_rest_goes_on(
    journal: Journal,
) -> None:
    store = HoldingStore("held")
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        journal.append([batch(b'{"message":"1"}')])
        journal.append([batch(b'{"message":"held"}'), batch(b'{"message":"3"}')])
        until(lambda: "holding back" in state_of(journal))
        journal.append([batch(b'{"message":"4"}')])
        until(lambda: sorted(messages(store)) == ["1", "3", "4"])
        until(lambda: journal.state().shipped_number == 1)
        status = read_status(journal.directory)
        assert status is not None
        assert status.last_error == "1 records wait"
        commits = store.commits
        until(lambda: store.commits > commits + 1)
        # Only what waits itself stays.
        assert [entry.number for entry in journal.read(0, max_bytes=1 << 20)] == [2]
        store.holds = False
        until(lambda: is_shipped(journal) and state_of(journal) == "running")
    assert sorted(messages(store)) == ["1", "3", "4", "held"]
    assert journal.state().entries == 0


def test_what_was_held_back_at_the_end_is_shipped_by_the_next(journal: Journal) -> None:
    journal.append([batch(b'{"message":"1"}')])
    journal.append([batch(b'{"message":"held"}'), batch(b'{"message":"3"}')])
    first = HoldingStore("held")
    with shipping(Parts(journal, first, DefaultStreams()), QUICK):
        until(lambda: "holding back" in state_of(journal))
    store = MemoryStore()
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    assert sorted(messages(first)) == ["1", "3"]
    assert messages(store) == ["held"]


def test_what_is_held_comes_again_when_the_store_lets_go_of_it_with_another_entry(
    journal: Journal,
) -> None:
    store = LosingStore("held")
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        journal.append([batch(b'{"message":"held"}')])
        until(lambda: "holding back" in state_of(journal))
        journal.append([batch(b'{"message":"large"}'), batch(b'{"message":"small"}')])
        until(lambda: sorted(messages(store)) == ["large", "small"])
        store.holds = False
        until(lambda: is_shipped(journal))
    assert store.has_lost
    assert sorted(messages(store)) == ["held", "large", "small"]


def test_to_try_again_what_is_held_proves_nothing_of_others(journal: Journal) -> None:
    store = HoldingStore("held")
    journal.append([batch(b'{"message":"held"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: store.commits > 3)
    suspects = Suspects(journal.directory)
    assert suspects.commits == 1
    suspects.close()
