"""Without a journal: what a sender is told, and what is in the store by then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from app.core.errors import Broken, Full, Unavailable
from app.core.ids import uuid7_run
from app.ingest.directory import DefaultStreams, StreamTarget
from app.ingest.normalising import normalise, shapes
from app.ingest.through import storing
from app.ingest.through.storing import StoreThrough
from app.journal.batch import Batch, encode
from app.logstore.interface import DirectWriter
from app.logstore.memory.direct import MemoryDirectWriter
from app.logstore.memory.store import MemoryStore
from app.logstore.types import AppendReport, RoutedRecord, SearchPlan, StoreHealth, TimeRange
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE
from tests.conformance.records import NOON_NS
from tests.unit.ingest.watcher import Watcher


@dataclass
class Gate:
    """A store that keeps its callers waiting, or refuses, in front of a real one."""

    behind: DirectWriter
    is_open: threading.Event = field(default_factory=threading.Event)
    is_refusing: bool = False
    is_broken: bool = False
    is_unkempt: bool = False
    groups: list[int] = field(default_factory=list)
    maintained: list[int] = field(default_factory=list)
    is_closed: bool = False

    def store(self, requests: Sequence[Sequence[RoutedRecord]]) -> list[AppendReport | Unavailable]:
        self.is_open.wait(120)
        self.groups.append(len(requests))
        if self.is_broken:
            raise ZeroDivisionError
        if self.is_refusing:
            return [Unavailable("the log store is away")] * len(requests)
        return self.behind.store(requests)

    def maintain(self, now_ns: int) -> None:
        self.maintained.append(now_ns)
        if self.is_unkempt:
            raise ZeroDivisionError

    def health(self) -> StoreHealth:
        return self.behind.health()

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def gate(store: MemoryStore) -> Gate:
    gate = Gate(MemoryDirectWriter(store))
    gate.is_open.set()
    return gate


@pytest.fixture
def keeper(gate: Gate) -> Iterator[StoreThrough]:
    keeper = StoreThrough(gate, DefaultStreams())
    yield keeper
    gate.is_open.set()
    keeper.close()
    assert gate.is_closed


def payload(*lines: bytes, stream: str = "") -> bytes:
    return encode(
        Batch(
            org_id=ACME,
            received_ns=NOON_NS,
            first_id=uuid7_run(NOON_NS // 1_000_000),
            protocol="ndjson",
            lines=list(lines),
            stream=stream,
        )
    )


def messages(store: MemoryStore, stream: str | None = None) -> list[str]:
    plan = SearchPlan(Everything(), TimeRange(0, 2**63 - 1), stream=stream, limit=1000)
    return sorted(record.message for record in store.search(ALICE, plan).records)


def test_what_is_answered_for_is_found(keeper: StoreThrough, store: MemoryStore) -> None:
    number = keeper.keep(
        [payload(b'{"message":"a"}', b'{"message":"b"}'), payload(b'{"message":"c"}')]
    )
    assert keeper.is_found(number)
    assert messages(store) == ["a", "b", "c"]


def test_a_line_that_is_no_record_goes_to_quarantine(
    keeper: StoreThrough, store: MemoryStore
) -> None:
    keeper.keep([payload(b'{"message":"a"}', b'{"mess')])
    assert messages(store) == ["a"]
    assert messages(store, "_quarantine") == ['{"mess']


def test_a_line_that_a_defect_meets_keeps_no_other_from_being_stored(
    keeper: StoreThrough, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touchy(record: dict[str, Any]) -> shapes.Shape:
        if "odd" in record:
            raise ZeroDivisionError
        return shapes.shape_of(record)

    monkeypatch.setattr(normalise, "shape_of", touchy)
    keeper.keep([payload(b'{"message":"a"}', b'{"odd":1}', b'{"message":"b"}')])
    assert messages(store) == ["a", "b"]
    assert messages(store, "_quarantine") == ['{"odd":1}']


def test_sent_again_records_with_ids_are_there_once(
    keeper: StoreThrough, store: MemoryStore
) -> None:
    for _ in range(3):
        keeper.keep([payload(b'{"id":"1","message":"a"}')])
    assert messages(store) == ["a"]


def test_requests_that_wait_together_go_together(
    keeper: StoreThrough, gate: Gate, store: MemoryStore
) -> None:
    gate.is_open.clear()

    async def send() -> list[int]:
        tasks = [
            asyncio.create_task(keeper.append([payload(orjson.dumps({"message": str(n)}))]))
            for n in range(40)
        ]
        await asyncio.sleep(0.2)
        gate.is_open.set()
        return await asyncio.gather(*tasks)

    asyncio.run(send())
    assert len(messages(store)) == 40
    assert len(gate.groups) <= 2
    assert sum(gate.groups) == 40


def test_a_store_that_is_away_is_said_with_a_time_to_come_back(
    keeper: StoreThrough, gate: Gate, store: MemoryStore
) -> None:
    gate.is_refusing = True
    with pytest.raises(Unavailable) as refused:
        keeper.keep([payload(b'{"id":"1","message":"a"}')])
    assert refused.value.code == "store_unavailable"
    assert refused.value.retry_after_seconds
    gate.is_refusing = False
    keeper.keep([payload(b'{"id":"1","message":"a"}')])
    assert messages(store) == ["a"]


def test_nothing_is_not_taken(keeper: StoreThrough, gate: Gate) -> None:
    with pytest.raises(Broken, match="nothing to store"):
        asyncio.run(keeper.append([]))
    with pytest.raises(Broken, match="nothing to store"):
        keeper.keep([])
    assert gate.groups == []


def test_streams_that_cannot_be_looked_up_fail_their_request_alone(gate: Gate) -> None:
    def directory(_org: object, stream: str) -> StreamTarget:
        raise Unavailable("the database does not answer", code="database_unavailable")

    keeper = StoreThrough(gate, directory)
    with pytest.raises(Unavailable) as refused:
        keeper.keep([payload(b'{"message":"a"}')])
    keeper.close()
    assert refused.value.code == "database_unavailable"
    assert gate.groups == []


def test_a_bug_is_told_to_its_callers_and_the_next_ones_are_served(
    keeper: StoreThrough, gate: Gate, store: MemoryStore
) -> None:
    gate.is_broken = True
    with pytest.raises(Broken):
        keeper.keep([payload(b'{"message":"a"}')])
    gate.is_broken = False
    keeper.keep([payload(b'{"message":"b"}')])
    assert messages(store) == ["b"]


def test_a_bug_with_one_request_fails_none_that_waits_beside_it(
    gate: Gate, store: MemoryStore
) -> None:
    def directory(_org: object, stream: str) -> StreamTarget:
        if stream == "odd":
            raise ZeroDivisionError
        return StreamTarget("default", 30)

    keeper = StoreThrough(gate, directory)
    gate.is_open.clear()

    async def send() -> list[int | BaseException]:
        tasks = []
        for stream in ("", "odd", ""):
            tasks.append(asyncio.create_task(keeper.append([payload(b"{}", stream=stream)])))
            await asyncio.sleep(0.05)
        gate.is_open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, odd, last = asyncio.run(send())
    keeper.close()
    assert (first, last) == (1, 1)
    assert isinstance(odd, Broken)
    assert len(messages(store)) == 2


def test_a_bug_in_looking_after_the_store_keeps_nobody_from_being_served(
    gate: Gate, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MAINTAIN_SECONDS", 0.0)
    monkeypatch.setattr(storing, "ANSWER_SECONDS", 60.0)
    gate.is_unkempt = True
    keeper = StoreThrough(gate, DefaultStreams(), maintains=True)
    for message in (b"a", b"b"):
        keeper.keep([payload(b'{"message":"%b"}' % message)])
    keeper.close()
    assert messages(store) == ["a", "b"]
    assert gate.maintained


def test_too_much_at_once_is_refused_before_it_is_taken(
    keeper: StoreThrough, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MAX_WAITING_BYTES", 1_000)
    gate.is_open.clear()

    async def send() -> list[int | BaseException]:
        tasks = []
        for _ in range(10):
            tasks.append(
                asyncio.create_task(keeper.append([payload(b'{"message":"%b"}' % (b"x" * 300))]))
            )
            await asyncio.sleep(0.02)
        gate.is_open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(send())
    refused = [one for one in outcomes if isinstance(one, Full)]
    assert refused
    assert len(refused) < 10
    assert all(one.retry_after_seconds for one in refused)
    assert sum(gate.groups) == 10 - len(refused)


def test_a_sender_hears_in_time_from_a_store_that_hangs(
    keeper: StoreThrough, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "ANSWER_SECONDS", 0.05)
    gate.is_open.clear()
    with pytest.raises(Unavailable, match="did not answer"):
        asyncio.run(keeper.append([payload(b'{"message":"a"}')]))
    with pytest.raises(Unavailable, match="did not answer"):
        keeper.keep([payload(b'{"message":"a"}')])


def test_the_end_stores_what_waits_and_takes_nothing_more(gate: Gate, store: MemoryStore) -> None:
    keeper = StoreThrough(gate, DefaultStreams())
    gate.is_open.clear()

    async def send() -> list[int]:
        tasks = [
            asyncio.create_task(keeper.append([payload(b'{"message":"a"}')])) for _ in range(5)
        ]
        await asyncio.sleep(0.05)
        closing = asyncio.get_running_loop().run_in_executor(None, keeper.close)
        gate.is_open.set()
        answers = await asyncio.gather(*tasks)
        await closing
        return answers

    assert len(asyncio.run(send())) == 5
    assert len(messages(store)) == 5
    with pytest.raises(Unavailable) as refused:
        keeper.keep([payload(b'{"message":"b"}')])
    assert refused.value.code == "intake_ending"


def test_observers_see_what_is_stored(gate: Gate) -> None:
    watcher = Watcher("watcher")
    keeper = StoreThrough(gate, DefaultStreams(), observers=[watcher])
    keeper.keep([payload(b'{"message":"a"}')])
    gate.is_refusing = True
    with pytest.raises(Unavailable):
        keeper.keep([payload(b'{"message":"b"}')])
    keeper.close()
    assert watcher.seen == ["a"]
    assert watcher.is_closed


def test_partitions_are_looked_after_where_no_shipper_does(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MAINTAIN_SECONDS", 0.0)
    for maintains in (False, True):
        keeper = StoreThrough(gate, DefaultStreams(), maintains=maintains)
        keeper.keep([payload(b'{"message":"a"}')])
        keeper.close()
        assert bool(gate.maintained) is maintains
