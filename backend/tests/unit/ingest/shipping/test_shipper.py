"""What is in the journal gets into the store: once, in order, whatever fails on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from typing_extensions import override

from app.core.errors import Unavailable
from app.core.ids import OrgId, uuid7_run
from app.core.scope import Actor, ActorKind, Permission, Scope
from app.ingest.decisions import Decisions
from app.ingest.directory import DefaultStreams, StreamTarget
from app.ingest.shipper import Pace, Parts, Shipper, Stop
from app.journal.batch import Batch, encode
from app.journal.journal import Journal
from app.journal.status import read_status
from app.logstore.memory.store import MemoryStore
from app.logstore.types import (
    AppendReport,
    Position,
    Rejected,
    RoutedRecord,
    SearchPlan,
    StoredRecord,
    StoreHealth,
    TimeRange,
)
from app.query.filters import Everything

ACME = OrgId(UUID(int=1))
GLOBEX = OrgId(UUID(int=2))
RECEIVED_NS = 1_795_000_000_000_000_000
QUICK = Pace(commit_seconds=0.02, status_seconds=0.02, maintain_seconds=0.02)
LONG_AGO_NS = 1_000_000_000_000_000_000
PATIENCE_SECONDS = 20.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal", max_bytes=64 << 20)
    yield opened
    opened.close()


def batch(
    *lines: bytes,
    org_id: OrgId = ACME,
    bad: dict[int, str] | None = None,
    received_ns: int = RECEIVED_NS,
) -> bytes:
    first_id = uuid7_run(received_ns // 1_000_000)
    return encode(
        Batch(org_id, received_ns, first_id, "ndjson", list(lines), stream="", bad=bad or {})
    )


def messages(store: MemoryStore, org_id: OrgId = ACME, stream: str | None = None) -> list[str]:
    return [record.message for record in records(store, org_id, stream)]


def records(
    store: MemoryStore, org_id: OrgId = ACME, stream: str | None = None
) -> tuple[StoredRecord, ...]:
    scope = Scope(org_id, Actor(ActorKind.SYSTEM, "test"), frozenset(Permission))
    plan = SearchPlan(
        Everything(), TimeRange(0, 2**63 - 1), stream=stream, is_descending=False, limit=1000
    )
    return store.search(scope, plan).records


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@contextmanager
def shipping(parts: Parts, pace: Pace = QUICK) -> Iterator[Stop]:
    stop = Stop()
    thread = threading.Thread(target=Shipper(parts, pace=pace).run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.ask()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def is_shipped(journal: Journal) -> bool:
    state = journal.state()
    return state.shipped_number == state.last_number


def test_an_entry_whose_refused_half_has_to_wait_is_shipped_whole_again(journal: Journal) -> None:
    store = ForgetfulStore("odd", refusals=2)
    journal.append([batch(b'{"message":"earlier"}')])
    journal.append([batch(b'{"message":"fine"}', b'{"message":"odd"}')])
    with shipping(Parts(journal, store, DefaultStreams()), Pace(commit_seconds=0.3)):
        until(lambda: store.refusals == 0 and is_shipped(journal))
    assert sorted(messages(store)) == ["earlier", "fine"]
    assert messages(store, stream="_quarantine") == ['{"message":"odd"}']


def test_what_is_in_the_journal_gets_into_the_store_and_out_of_the_journal(
    journal: Journal,
) -> None:
    store = MemoryStore()
    journal.append([batch(b'{"message":"before"}')])
    with shipping(Parts(journal, store, DefaultStreams())):
        for number in range(20):
            journal.append([batch(b'{"message":"%02d"}' % number)])
        journal.append([batch(b'{"message":"theirs"}', org_id=GLOBEX)])
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == [f"{number:02}" for number in range(20)] + ["before"]
    assert messages(store, GLOBEX) == ["theirs"]
    assert journal.state().entries == 0


def test_asked_to_stop_it_commits_what_it_has_appended(journal: Journal) -> None:
    store = CountingStore()
    never = Pace(commit_seconds=1_000_000)
    with shipping(Parts(journal, store, DefaultStreams()), never) as stop:
        # The first commit is due at once; the second only because it is asked to stop.
        journal.append([batch(b'{"message":"first"}')])
        until(lambda: is_shipped(journal))
        journal.append([batch(b'{"message":"second"}')])
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
        journal.append([batch(b"{}", b"{}"), batch(b"{}")])
        until(lambda: is_shipped(journal))


def test_who_is_behind_commits_less_often_until_the_next_fresh_entry(journal: Journal) -> None:
    store = CountingStore()
    pace = Pace(commit_seconds=0.001, behind_factor=1_000_000_000)
    with shipping(Parts(journal, store, DefaultStreams()), pace):
        # The first commit is due at once.
        journal.append([batch(b'{"message":"old"}', received_ns=LONG_AGO_NS)])
        until(lambda: is_shipped(journal))
        journal.append([batch(b'{"message":"old too"}', received_ns=LONG_AGO_NS)])
        until(lambda: store.appends == 2)
        assert messages(store) == ["old"]
        journal.append([batch(b'{"message":"fresh"}', received_ns=time.time_ns())])
        until(lambda: is_shipped(journal))


def test_a_line_that_cannot_be_read_is_found_in_quarantine(journal: Journal) -> None:
    store = MemoryStore()
    journal.append(
        [batch(b'{"message":"good"}', b'{"half":', b"\xff\x00", bad={2: "invalid_utf8"})]
    )
    with shipping(Parts(journal, store, DefaultStreams())):
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
    with shipping(Parts(journal, store, DefaultStreams())):
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
    with shipping(Parts(journal, store, DefaultStreams())):
        until(lambda: is_shipped(journal))
    assert (journal.state().entries, journal.damaged_numbers()) == (0, [1])


def test_an_entry_that_makes_no_sense_is_set_aside_and_the_next_is_shipped(
    journal: Journal,
) -> None:
    store = MemoryStore()
    journal.append([b"", b"\x01\xff\xff\xff\x00", batch(b'{"message":"good"}')])
    with shipping(Parts(journal, store, DefaultStreams())):
        until(lambda: is_shipped(journal))
        assert messages(store) == ["good"]
        journal.append([b"\x01 no sense either"])
        until(lambda: is_shipped(journal))
    assert journal.damaged_numbers() == [1, 2, 4]


def test_an_entry_of_a_later_release_is_not_touched_and_said(journal: Journal) -> None:
    journal.append([b"\x63" + batch(b'{"message":"good"}')[1:]])
    with shipping(Parts(journal, MemoryStore(), DefaultStreams())):
        until(lambda: "version 99" in last_error_of(journal))
    assert journal.state().entries == 1


def test_a_store_that_is_down_gets_everything_when_it_is_back(journal: Journal) -> None:
    store = FlakyStore(appends_refused=2, commits_refused=2)
    with shipping(Parts(journal, store, DefaultStreams())):
        for number in range(10):
            journal.append([batch(b'{"message":"%d"}' % number)])
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == [str(number) for number in range(10)]
    assert "down" in last_error_of(journal)
    assert (store.appends_refused, store.commits_refused) == (0, 0)


def test_it_stops_while_the_store_is_down(journal: Journal) -> None:
    store = FlakyStore(appends_refused=1_000_000)
    journal.append([batch(b'{"message":"kept"}')])
    with shipping(Parts(journal, store, DefaultStreams())):
        until(lambda: "append: down" in last_error_of(journal))
    assert journal.state().entries == 1
    status = read_status(journal.directory)
    assert status is not None
    assert status.state == "stopped"


def test_what_was_committed_but_not_trimmed_is_not_stored_again(journal: Journal) -> None:
    store = MemoryStore()
    journal.append([batch(b'{"message":"a"}'), batch(b'{"message":"b"}')])
    store.append([], position=Position(journal.id, 1))
    store.commit()
    with shipping(Parts(journal, store, DefaultStreams())):
        until(lambda: is_shipped(journal))
    assert messages(store) == ["b"]


def test_a_defect_in_the_store_ends_the_shipper_with_its_name_in_the_status(
    journal: Journal,
) -> None:
    journal.append([batch(b"{}")])
    with pytest.raises(ZeroDivisionError):
        Shipper(Parts(journal, DefectiveStore(), DefaultStreams()), pace=QUICK).run(Stop())
    assert "ZeroDivisionError" in last_error_of(journal)
    assert journal.state().entries == 1


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
    with shipping(Parts(journal, store, streams)):
        until(lambda: is_shipped(journal))
        assert store.classes == {"before": 30}
        journal.append([batch(b'{"message":"after"}')])
        until(lambda: is_shipped(journal))
    assert store.classes == {"before": 30, "after": 90}


def test_what_the_store_holds_back_stays_in_the_journal_and_the_rest_goes_on(
    journal: Journal,
) -> None:
    store = HoldingStore("held")
    with shipping(Parts(journal, store, DefaultStreams())):
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
        assert journal.state().entries == 3
        store.holds = False
        until(lambda: is_shipped(journal) and state_of(journal) == "running")
    assert sorted(messages(store)) == ["1", "3", "4", "held"]
    assert journal.state().entries == 0


def test_what_was_held_back_at_the_end_is_shipped_by_the_next(journal: Journal) -> None:
    journal.append([batch(b'{"message":"1"}')])
    journal.append([batch(b'{"message":"held"}'), batch(b'{"message":"3"}')])
    with shipping(Parts(journal, HoldingStore("held"), DefaultStreams())):
        until(lambda: "holding back" in state_of(journal))
    store = MemoryStore()
    with shipping(Parts(journal, store, DefaultStreams())):
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == ["3", "held"]


def test_observers_see_what_was_stored_and_a_bad_one_stops_nobody(journal: Journal) -> None:
    store = MemoryStore()
    good, failing, stuck = Watcher("good"), Failing(), Stuck()
    parts = Parts(journal, store, DefaultStreams(), observers=(failing, stuck, good))
    with shipping(parts):
        for number in range(30):
            journal.append([batch(b'{"message":"%d"}' % number)])
        until(lambda: is_shipped(journal) and len(good.seen) == 30)
        stuck.let_go.set()
    assert good.seen == [str(number) for number in range(30)]
    assert failing.calls > 1


def test_observers_see_neither_what_was_stored_before_nor_what_was_refused(
    journal: Journal,
) -> None:
    store, watcher = PickyStore("unwanted"), Watcher("watcher")
    journal.append([batch(b'{"message":"known"}')])
    journal.append([batch(b'{"message":"new"}', b'{"message":"unwanted","n":1}', b"{half")])
    store.append([], position=Position(journal.id, 1))
    store.commit()
    with shipping(Parts(journal, store, DefaultStreams(), observers=(watcher,))):
        until(lambda: is_shipped(journal) and len(watcher.seen) == 3)
    assert watcher.seen == ["new", "{half", '{"message":"unwanted","n":1}']


def test_the_store_is_looked_after(journal: Journal) -> None:
    store = CountingStore()
    with shipping(Parts(journal, store, DefaultStreams())):
        until(lambda: store.maintained > 1)


def test_the_status_names_the_process_and_its_last_commit(journal: Journal) -> None:
    with shipping(Parts(journal, MemoryStore(), DefaultStreams())):
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
    with shipping(Parts(journal, MemoryStore(), DefaultStreams(), fault=passed.append)):
        until(lambda: is_shipped(journal))
    assert passed == ["ship:after_append", "ship:after_commit", "ship:before_trim"]


def last_error_of(journal: Journal) -> str:
    status = read_status(journal.directory)
    return (status.last_error or "") if status else ""


def state_of(journal: Journal) -> str:
    status = read_status(journal.directory)
    return status.state if status else ""


class HoldingStore(MemoryStore):
    """A part of it takes no records for now: those with this in their message."""

    def __init__(self, held: str) -> None:
        super().__init__()
        self.holds = True
        self.commits = 0
        self._what = held
        self._back: list[tuple[Position, RoutedRecord]] = []

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        held = [record for record in records if record.message == self._what]
        self._back += [(position, record) for record in held]
        super().append([one for one in records if one not in held], position=position)
        return AppendReport(stored=len(records), repeated=0)

    @override
    def health(self) -> StoreHealth:
        return StoreHealth("degraded", "memory", detail=f"{len(self._back)} records wait")

    @override
    def commit(self) -> Position | None:
        self.commits += 1
        super().commit()
        if self.holds:
            return min((position for position, _ in self._back), default=None)
        self._pending += [record for _, record in self._back]
        self._back = []
        super().commit()
        return None


class CountingStore(MemoryStore):
    """Counts calls."""

    appends = 0
    maintained = 0

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        report = super().append(records, position=position)
        self.appends += 1
        return report

    @override
    def maintain(self, now_ns: int) -> None:
        super().maintain(now_ns)
        self.maintained += 1


class DatedStore(MemoryStore):
    """Remembers the retention class of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: dict[str, int] = {}

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        self.classes.update({record.message: record.retention_class for record in records})
        return super().append(records, position=position)


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


class FlakyStore(MemoryStore):
    """Refuses the first calls; a refused commit forgets what was appended."""

    def __init__(self, *, appends_refused: int = 0, commits_refused: int = 0) -> None:
        super().__init__()
        self.appends_refused = appends_refused
        self.commits_refused = commits_refused

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        if self.appends_refused:
            self.appends_refused -= 1
            raise Unavailable("down")
        return super().append(records, position=position)

    @override
    def commit(self) -> None:
        if self.commits_refused:
            self.commits_refused -= 1
            self._pending, self._pending_positions = [], {}
            raise Unavailable("down")
        super().commit()


class PickyStore(MemoryStore):
    """Never takes records of stream `default` with this in their message."""

    def __init__(self, unwanted: str) -> None:
        super().__init__()
        self._unwanted = unwanted

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        rejected = tuple(
            Rejected(index, "too_odd", "nobody wants it")
            for index, record in enumerate(records)
            if self._unwanted in record.message
            and (record.stream == "default" or not self._unwanted)
        )
        bad = {one.index for one in rejected}
        good = [record for index, record in enumerate(records) if index not in bad]
        report = super().append(good, position=position)
        return AppendReport(report.stored, report.repeated, rejected)


class ForgetfulStore(PickyStore):
    """Unavailable for the first quarantine entries, and what waited for a commit is gone then."""

    def __init__(self, unwanted: str, *, refusals: int) -> None:
        super().__init__(unwanted)
        self.refusals = refusals

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        if self.refusals and all(record.stream == "_quarantine" for record in records):
            self.refusals -= 1
            self._pending, self._pending_positions = [], {}
            raise Unavailable("down")
        return super().append(records, position=position)


class DefectiveStore(MemoryStore):
    """Has a bug."""

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        raise ZeroDivisionError


class Watcher:
    """Remembers what it saw."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[str] = []
        self.is_closed = False

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.seen += [record.message for record in records]

    def close(self) -> None:
        self.is_closed = True


class Failing:
    """Fails always."""

    name = "failing"
    calls = 0

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.calls += 1
        raise ValueError(len(records))

    def close(self) -> None:
        raise ValueError("it fails always")


class Stuck:
    """Does not come back until it is let go."""

    name = "stuck"

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.let_go.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self.let_go.set()
