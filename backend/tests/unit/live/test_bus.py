"""From the shipper to whoever listens, over a Unix socket and over Redis alike."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Thread

import pytest

from app.core.ids import OrgId
from app.live import hub as hub_module
from app.live.hub import Listener, LiveHub, Source
from app.live.publishing import LiveObserver, Publisher
from app.live.pubsub import RedisPublisher, RedisSource
from app.live.sockets import SCAN_SECONDS, SocketPublisher, SocketSource
from tests.redis_fixtures import HASTY, UseRedis
from tests.redis_server import RedisServer
from tests.unit.live.made import ACME, GLOBEX, record

PATIENCE_SECONDS = 60.0


@dataclass
class Bus:
    """How to make either end."""

    make_publisher: Callable[[], Publisher]
    make_source: Callable[[], Source]


@pytest.fixture(params=["socket", "long path", "redis"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    if request.param == "redis":
        use_redis: UseRedis = request.getfixturevalue("use_redis")
        use_redis(request.getfixturevalue("own_redis"), REDIS_DB="2")
        yield Bus(RedisPublisher, RedisSource)
        return
    directory = tmp_path / ("x" * 120 if request.param == "long path" else "live")
    yield Bus(lambda: SocketPublisher(directory), lambda: SocketSource(directory))


@asynccontextmanager
async def hub_of(bus: Bus) -> AsyncIterator[LiveHub]:
    hub = LiveHub(bus.make_source())
    try:
        yield hub
    finally:
        await hub.close()


@pytest.fixture
def observer(bus: Bus) -> Iterator[LiveObserver]:
    made = LiveObserver(bus.make_publisher())
    yield made
    made.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def publish(observer: LiveObserver, org_id: OrgId, *messages: str) -> None:
    """As the shipper's lane does: in a thread."""
    records = [record(org_id, message) for message in messages]
    await asyncio.to_thread(observer.observe, records)


async def heard(listener: Listener, count: int) -> list[str]:
    """The next so many messages."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            package = await listener.next(1)
            if package is not None:
                found += [one.message for one in package.read()]
    return found


def test_who_listens_gets_the_records_of_their_organisation_and_no_other(
    bus: Bus, observer: LiveObserver
) -> None:
    async def run() -> None:
        async with hub_of(bus) as hub:
            alice, charlie = hub.listen(ACME), hub.listen(GLOBEX)
            await until(lambda: observer.wants(ACME) and observer.wants(GLOBEX))
            await publish(observer, ACME, "a1", "a2")
            await publish(observer, GLOBEX, "g1")
            await publish(observer, ACME, "a3")
            assert await heard(alice, 3) == ["a1", "a2", "a3"]
            assert await heard(charlie, 1) == ["g1"]
            assert await alice.next(0.05) is None
            assert await charlie.next(0.05) is None
            assert (alice.take_dropped(), charlie.take_dropped()) == (0, 0)

    asyncio.run(run())


def test_several_hubs_and_listeners_share_what_comes(bus: Bus, observer: LiveObserver) -> None:
    async def run() -> None:
        async with hub_of(bus) as one, hub_of(bus) as other:
            listeners = [one.listen(ACME), one.listen(ACME), other.listen(ACME)]
            await until(lambda: observer.wants(ACME))
            # The second hub may need a moment more than the first.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await listeners[2].next(0.05) is None:
                    await publish(observer, ACME, "begin")
            await publish(observer, ACME, "x")
            for listener in listeners:
                said = []
                while "x" not in said:
                    said += await heard(listener, 1)
                assert said.count("x") == 1
                assert await listener.next(0.05) is None

    asyncio.run(run())


def test_nobody_is_wanted_before_and_after_somebody_listens(
    bus: Bus, observer: LiveObserver
) -> None:
    async def run() -> None:
        async with hub_of(bus) as hub:
            assert not observer.wants(ACME)
            first, second = hub.listen(ACME), hub.listen(ACME)
            await until(lambda: observer.wants(ACME))
            first.close()
            first.close()
            await publish(observer, ACME, "x")
            assert await heard(second, 1) == ["x"]
            second.close()
            await until(lambda: not observer.wants(ACME))
            again = hub.listen(ACME)
            await until(lambda: observer.wants(ACME))
            await publish(observer, ACME, "y")
            assert await heard(again, 1) == ["y"]
            assert again.take_dropped() == 0
        await until(lambda: not observer.wants(ACME))

    asyncio.run(run())


def test_a_listener_that_is_behind_loses_the_oldest_and_is_told_how_many(
    bus: Bus, observer: LiveObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_WAITING_RECORDS", 10)

    async def run() -> None:
        async with hub_of(bus) as hub:
            slow = hub.listen(ACME)
            await until(lambda: observer.wants(ACME))
            for number in range(25):
                await publish(observer, ACME, str(number))
            await until(lambda: slow._records == 10 and slow._dropped == 15)
            assert await heard(slow, 10) == [str(number) for number in range(15, 25)]
            assert (slow.take_dropped(), slow.take_dropped()) == (15, 0)

    asyncio.run(run())


def test_what_the_bus_itself_lost_is_told_with_the_next_that_comes(
    bus: Bus, observer: LiveObserver
) -> None:
    async def run() -> None:
        async with hub_of(bus) as hub:
            listener = hub.listen(ACME)
            await until(lambda: observer.wants(ACME))
            await publish(observer, ACME, "before")
            assert await heard(listener, 1) == ["before"]
            observer._sent[ACME] += 7
            await publish(observer, ACME, "after")
            assert await heard(listener, 1) == ["after"]
            assert listener.take_dropped() == 7

    asyncio.run(run())


def test_another_publisher_is_found_and_counts_for_itself(bus: Bus) -> None:
    async def run() -> None:
        async with hub_of(bus) as hub:
            listener = hub.listen(ACME)
            for number in range(3):
                publisher = await asyncio.to_thread(bus.make_publisher)
                observer = LiveObserver(publisher)
                await until(lambda observer=observer: observer.wants(ACME))
                await publish(observer, ACME, str(number), "x")
                assert await heard(listener, 2) == [str(number), "x"]
                await asyncio.to_thread(publisher.close)
            assert listener.take_dropped() == 0

    asyncio.run(run())


def test_what_a_killed_publisher_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "1-dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    publisher = SocketPublisher(tmp_path)
    try:
        assert not left.exists()
        (kept,) = tmp_path.glob("*.sock")
        assert kept.name.startswith(f"{os.getpid()}-")
    finally:
        publisher.close()
    assert list(tmp_path.glob("*.sock")) == []


def test_publishers_that_start_at_once_do_not_take_each_other_for_dead(tmp_path: Path) -> None:
    together = 8
    with ThreadPoolExecutor(together) as threads:
        for _ in range(10):
            begin = Barrier(together)

            def start(begin: Barrier = begin) -> SocketPublisher:
                begin.wait(PATIENCE_SECONDS)
                return SocketPublisher(tmp_path)

            started = [threads.submit(start) for _ in range(together)]
            publishers = [one.result(PATIENCE_SECONDS) for one in started]
            there = list(tmp_path.glob("*"))
            for publisher in publishers:
                publisher.close()
            assert len(there) == together
    assert list(tmp_path.iterdir()) == []


def test_what_was_left_by_one_that_was_killed_before_it_listened_is_removed(
    tmp_path: Path,
) -> None:
    old, young = tmp_path / "1-old.new", tmp_path / "1-young.new"
    for path in (old, young):
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    os.utime(old, (0, 0))
    SocketPublisher(tmp_path).close()
    assert list(tmp_path.iterdir()) == [young]


def test_a_publisher_that_stands_still_holds_nobody_up_and_is_left_alone(tmp_path: Path) -> None:
    made: list[SocketPublisher] = []
    with ExitStack() as opened:
        stuck = opened.enter_context(socket.socket(socket.AF_UNIX))
        stuck.bind(str(tmp_path / "1-stuck.sock"))
        stuck.listen(0)
        has_room = True
        while has_room:
            waiting = opened.enter_context(socket.socket(socket.AF_UNIX))
            waiting.settimeout(0)
            has_room = waiting.connect_ex(stuck.getsockname()) == 0
        making = Thread(target=lambda: made.append(SocketPublisher(tmp_path)), daemon=True)
        making.start()
        making.join(PATIENCE_SECONDS)
        assert len(made) == 1
        made[0].close()
        assert (tmp_path / "1-stuck.sock").exists()


def test_a_directory_that_cannot_be_made_hinders_nobody_but_watchers(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    publisher = SocketPublisher(tmp_path / "file" / "live")
    observer = LiveObserver(publisher)
    assert not observer.wants(ACME)
    observer.observe([record(ACME, "x")])
    assert not publisher.publish(ACME, b"x")
    publisher.close()


def test_a_listener_out_of_files_finds_publishers_once_it_has_some(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run() -> None:
        async with hub_of(
            Bus(lambda: SocketPublisher(tmp_path), lambda: SocketSource(tmp_path))
        ) as hub:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                listener = hub.listen(ACME)
                await asyncio.sleep(2 * SCAN_SECONDS)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            observer = LiveObserver(SocketPublisher(tmp_path))
            await until(lambda: observer.wants(ACME))
            await publish(observer, ACME, "x")
            assert await heard(listener, 1) == ["x"]
            observer.close()

    asyncio.run(run())


def test_what_is_no_frame_is_passed_over(bus: Bus, observer: LiveObserver) -> None:
    async def run() -> None:
        async with hub_of(bus) as hub:
            listener = hub.listen(ACME)
            await until(lambda: observer.wants(ACME))
            for nonsense in (b"\x63 of another version", b""):
                await asyncio.to_thread(observer._publisher.publish, ACME, nonsense)
            await publish(observer, ACME, "x")
            assert await heard(listener, 1) == ["x"]

    asyncio.run(run())


def test_redis_may_go_and_come_back(own_redis: RedisServer, use_redis: UseRedis) -> None:
    use_redis(own_redis, **HASTY)
    publisher = RedisPublisher()
    observer = LiveObserver(publisher)

    async def go_on(listener: Listener, word: str) -> None:
        await until(lambda: observer.wants(ACME))
        await publish(observer, ACME, word)
        # Of what was sent meanwhile some may have waited in a buffer.
        while await heard(listener, 1) != [word]:
            pass

    async def run() -> None:
        async with hub_of(Bus(RedisPublisher, RedisSource)) as hub:
            listener = hub.listen(ACME)
            await go_on(listener, "begin")
            troubles: list[Callable[[], Awaitable[object]]] = [
                lambda: asyncio.to_thread(own_redis.kill),
                lambda: asyncio.to_thread(own_redis.hang),
            ]
            for index, trouble in enumerate(troubles):
                await trouble()
                await publish(observer, ACME, "lost")
                await until(lambda: not observer.wants(ACME))
                await publish(observer, ACME, "lost too")
                own_redis.go_on() if index else own_redis.start()
                await go_on(listener, f"again {index}")

    try:
        asyncio.run(run())
    finally:
        publisher.close()


def test_channels_of_two_installations_on_one_redis_are_apart(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis, REDIS_DB="1")
    publisher = RedisPublisher()
    own_redis.client(db=0).pubsub().subscribe(f"elkv:live:0:{ACME}")
    observer = LiveObserver(publisher)

    async def run() -> None:
        await asyncio.sleep(1.5)
        assert not observer.wants(ACME)

    asyncio.run(run())
    publisher.close()


def test_who_listens_by_hand_to_something_else_disturbs_nobody(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    by_hand = own_redis.client().pubsub()
    for name in ("acme", "\udcff", str(ACME).upper(), f"{ACME}:x"):
        by_hand.subscribe(f"elkv:live:0:{name}".encode("utf-8", "surrogateescape"))
    publisher = RedisPublisher()
    observer = LiveObserver(publisher)

    async def run() -> None:
        async with hub_of(Bus(RedisPublisher, RedisSource)) as hub:
            listener = hub.listen(ACME)
            await until(lambda: observer.wants(ACME))
            await publish(observer, ACME, "x")
            assert await heard(listener, 1) == ["x"]

    try:
        asyncio.run(run())
    finally:
        publisher.close()
        by_hand.close()
