"""What a live tail shows, to whom, and when it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.ending import begin_ending, forget_ending
from app.core.errors import Forbidden, OverLimit, Unauthenticated, Unavailable
from app.core.ids import OrgId
from app.core.scope import Actor, ActorKind, Permission, Scope
from app.live import hub as hub_module
from app.live.frames import frames_of
from app.live.hub import LiveHub
from app.logs import tail as tail_module
from app.logs.tail import Places, Tail, TailAsked
from app.logstore.types import RoutedRecord
from app.query.errors import QuerySyntaxError
from tests.unit.core.limits.clocks import TurnedClock
from tests.unit.live.made import ACME, GLOBEX, record

PATIENCE_SECONDS = 60.0


class Spoken:
    """A source that says what a test tells it to."""

    def __init__(self) -> None:
        self.wanted: frozenset[OrgId] = frozenset()
        self._take: Callable[[bytes], None] = lambda _frame: None
        self._sent = 0

    def start(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def want(self, organisations: frozenset[OrgId]) -> None:
        self.wanted = organisations

    async def stop(self) -> None:
        self.wanted = frozenset()

    def say(self, *records: RoutedRecord) -> None:
        for _, frame in frames_of(records, publisher=UUID(int=1), before=self._sent):
            self._take(frame)
        self._sent += len(records)


def scope_of(org_id: OrgId, *permissions: Permission) -> Scope:
    return Scope(org_id, Actor(ActorKind.USER, "alice"), frozenset(permissions))


def tail_of(
    query: str = "",
    stream: str | None = None,
    check: Callable[[], object] = lambda: None,
    clock: Clock = SYSTEM_CLOCK,
) -> Tail:
    scope = scope_of(ACME, Permission.SEARCH)
    return Tail(scope, TailAsked(query, stream), check=check, clock=clock)


@pytest.fixture(autouse=True)
def _goes_on() -> Iterator[None]:
    yield
    forget_ending()


async def next_event(events: AsyncIterator[bytes]) -> tuple[str, Any]:
    """The next event that comes, the retry line left out."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            text = (await anext(events)).decode()
            if not text.startswith("retry:"):
                name, data = text.rstrip("\n").split("\n", 1)
                return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def begun(tail: Tail, source: Spoken) -> AsyncIterator[bytes]:
    """Its events, after the first heartbeat."""
    hub = LiveHub(source)
    events = tail.events(lambda: hub)
    assert (await next_event(events))[0] == "heartbeat"
    return events


def test_matching_records_are_shown_as_a_search_shows_them() -> None:
    async def run() -> None:
        source = Spoken()
        events = await begun(tail_of("service:shop AND status >= 500"), source)
        source.say(
            record(ACME, "no", attributes={"status": 200}),
            record(ACME, "two\nlines", attributes={"status": 503, "big": 2**70}),
        )
        name, shown = await next_event(events)
        assert name == "log"
        assert shown["message"] == "two\nlines"
        assert shown["attributes"] == {"status": 503, "big": 2**70}
        assert shown["@timestamp"] == "2026-11-18T11:06:40Z"
        assert next(iter(shown)) == "id"
        await events.aclose()  # type: ignore[attr-defined]
        assert source.wanted == frozenset()

    asyncio.run(run())


def test_hidden_streams_are_shown_to_who_names_them() -> None:
    async def run() -> None:
        for stream, wanted in ((None, "default"), ("_quarantine", "_quarantine"), ("b", "b")):
            source = Spoken()
            events = await begun(tail_of(stream=stream), source)
            names = ("_quarantine", "default", "b")
            source.say(*(record(ACME, name, stream=name) for name in names))
            text = (await anext(events)).decode()
            shown = [
                json.loads(line[6:])["stream"] for line in text.split("\n") if "data: " in line
            ]
            assert shown == (["default", "b"] if stream is None else [wanted])
            await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def test_a_stranger_s_records_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "HEARTBEAT_SECONDS", 0.2)

    async def run() -> None:
        source = Spoken()
        events = await begun(tail_of(), source)
        assert source.wanted == {ACME}
        source.say(record(GLOBEX, "secret"))
        assert (await next_event(events))[0] == "heartbeat"
        source.say(record(ACME, "mine"))
        names = [await next_event(events), await next_event(events)]
        assert [one[1]["message"] for one in names if one[0] == "log"] == ["mine"]
        assert "secret" not in json.dumps(names)
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def test_what_was_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_WAITING_RECORDS", 3)

    async def run() -> None:
        source = Spoken()
        events = await begun(tail_of(), source)
        for number in range(10):
            source.say(record(ACME, str(number)))
        assert await next_event(events) == ("dropped", {"count": 7})
        assert [(await next_event(events))[1]["message"] for _ in range(3)] == ["7", "8", "9"]
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (None, True),
        (Unavailable("the database does not answer"), True),
        (Unauthenticated("the API key is not valid"), False),
        (Forbidden("this needs the permission 'search'"), False),
    ],
)
def test_who_may_not_look_any_longer_is_sent_away_at_the_next_heartbeat(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, *, goes_on: bool
) -> None:
    monkeypatch.setattr(tail_module, "HEARTBEAT_SECONDS", 0.05)
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 1 and error is not None:
            raise error

    async def run() -> None:
        events = await begun(tail_of(check=check), Spoken())
        following = await next_event(events)
        if goes_on:
            assert following[0] == "heartbeat"
            await events.aclose()  # type: ignore[attr-defined]
        else:
            assert following == ("end", {"code": "not_allowed"})
            with pytest.raises(StopAsyncIteration):
                await anext(events)

    asyncio.run(run())


def test_a_process_that_ends_says_so() -> None:
    async def run() -> None:
        events = await begun(tail_of(), Spoken())
        begin_ending()
        assert await next_event(events) == ("end", {"code": "shutting_down"})

    asyncio.run(run())


def test_times_in_the_query_move_on() -> None:
    async def run() -> None:
        source, clock = Spoken(), TurnedClock()
        events = await begun(tail_of("@timestamp:[now-1s TO now]", clock=clock), source)
        old_ns = clock.now_ns()
        clock.turn(1.2)
        source.say(
            record(ACME, "old")._replace(timestamp_ns=old_ns),
            record(ACME, "new")._replace(timestamp_ns=clock.now_ns()),
        )
        assert (await next_event(events))[1]["message"] == "new"
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def test_a_mistake_in_the_query_is_said_before_anything_is_streamed() -> None:
    with pytest.raises(QuerySyntaxError):
        tail_of("status:[500 TO")
    with pytest.raises(Forbidden):
        Tail(scope_of(ACME, Permission.INGEST), TailAsked(), check=lambda: None, clock=SYSTEM_CLOCK)


def test_closing_from_elsewhere_lets_go_once() -> None:
    async def run() -> None:
        source, tail = Spoken(), tail_of()
        tail.close()
        events = await begun(tail, source)
        await asyncio.to_thread(tail.close)
        await asyncio.to_thread(tail.close)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if not source.wanted:
                    break
                await asyncio.sleep(0.01)
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def test_places_are_bounded_for_each_and_for_all_and_given_back() -> None:
    places = Places(most=3, most_each=2)
    for _ in range(2):
        places.take(ACME)
    with pytest.raises(OverLimit, match="2 tails of this organisation"):
        places.take(ACME)
    places.take(GLOBEX)
    with pytest.raises(Unavailable, match="3 tails are open"):
        places.take(GLOBEX)
    places.leave(ACME)
    places.take(GLOBEX)


def test_tails_leave_most_of_the_loop_to_others() -> None:
    async def run() -> float:
        hub = LiveHub(Spoken())
        began = time.perf_counter()
        await asyncio.gather(*(hub.work(lambda: time.sleep(0.02)) for _ in range(5)))
        return time.perf_counter() - began

    assert asyncio.run(run()) >= 5 * 0.02 * 4 * 0.9
