"""Redis that is away, hangs, comes back, wants a password or TLS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings
from redis.exceptions import ConnectionError, TimeoutError

from app.core.errors import Broken, Unavailable
from app.core.exception_handler import find_problem
from app.core.redis import (
    Breaker,
    RedisError,
    answering,
    asking,
    async_client,
    client,
    is_on,
    key_of,
)
from tests.redis_fixtures import HASTY, HASTY_SECONDS, UseRedis
from tests.redis_server import RedisServer
from tests.unit.core.limits.clocks import TurnedClock

# The time limits of `HASTY`, twice: to connect, and to be answered; and what a busy machine adds.
BOUND_SECONDS = 2 * HASTY_SECONDS + 10.0
PATIENCE_SECONDS = 60.0
# Who is told at once that Redis is away is told so for as long.
AWAY_SECONDS = 1.0
# An event loop has one connection of its own, to be woken by.
OF_THE_LOOP = 1


def ping() -> bool:
    with answering():
        return bool(client().ping())


async def ping_on_a_loop() -> bool:
    connections = async_client()
    try:
        with answering():
            return bool(await connections.ping())
    finally:
        await connections.aclose()
        await until_nothing_is_open()


async def until_nothing_is_open() -> None:
    """The client does not wait for the end of TLS where a password was refused."""
    opened = asyncio.get_running_loop()._selector.get_map()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if len(opened) <= OF_THE_LOOP:
                return
            await asyncio.sleep(0.01)


def use_cache() -> bool:
    try:
        cache.set("a", 1)
        return bool(cache.get("a") == 1)
    except RedisError as error:
        problem = find_problem(error)
        assert problem is not None
        assert (problem.status, problem.code) == (503, "redis_unavailable")
        raise Unavailable(problem.detail) from error


WAYS = [ping, lambda: asyncio.run(ping_on_a_loop()), use_cache]
NAMES = ["thread", "loop", "cache"]


@pytest.mark.parametrize("ask", WAYS, ids=NAMES)
def test_redis_that_is_away_is_unavailable_and_found_again(
    own_redis: RedisServer, use_redis: UseRedis, ask: Callable[[], bool]
) -> None:
    use_redis(own_redis)
    assert ask()
    own_redis.kill()
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(Unavailable):
            ask()
    assert time.monotonic() - began < BOUND_SECONDS
    own_redis.start()
    assert ask()


@pytest.mark.parametrize("ask", WAYS, ids=NAMES)
def test_redis_that_hangs_is_unavailable_within_its_time(
    own_redis: RedisServer, use_redis: UseRedis, ask: Callable[[], bool]
) -> None:
    use_redis(own_redis, **HASTY)
    assert ask()
    own_redis.hang()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        ask()
    assert time.monotonic() - began < BOUND_SECONDS
    own_redis.go_on()
    assert ask()


@pytest.mark.parametrize("ask", WAYS, ids=NAMES)
def test_a_restart_that_nobody_saw_is_not_noticed(
    own_redis: RedisServer, use_redis: UseRedis, ask: Callable[[], bool]
) -> None:
    use_redis(own_redis)
    assert ask()
    own_redis.kill()
    own_redis.start()
    assert ask()


def test_a_connection_to_what_became_a_replica_is_not_used_again(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    """Behind the address there may be another server by now."""
    use_redis(own_redis)
    before = client().client_id()
    own_redis.become_replica()
    with pytest.raises(Unavailable), answering():
        client().set("a", 1)
    own_redis.become_primary()
    assert client().set("a", 1)
    assert client().client_id() != before


def test_nor_is_one_of_an_event_loop(own_redis: RedisServer, use_redis: UseRedis) -> None:
    async def ask() -> None:
        async with async_client() as connections:
            before = await connections.client_id()
            own_redis.become_replica()
            with pytest.raises(Unavailable), answering():
                await connections.set("a", 1)
            own_redis.become_primary()
            assert await connections.set("a", 1)
            assert await connections.client_id() != before

    use_redis(own_redis)
    asyncio.run(ask())


@pytest.mark.parametrize("ask", WAYS, ids=NAMES)
def test_a_password_and_tls_are_asked_for_and_given(
    use_redis: UseRedis, certificate: tuple[Path, Path], ask: Callable[[], bool]
) -> None:
    chain = certificate[0]
    encrypted = RedisServer(password="p@ss:/w#rd%", certificate=certificate)
    try:
        encrypted.start()
        use_redis(encrypted, REDIS_PASSWORD="p@ss:/w#rd%", REDIS_TLS_CA_FILE=str(chain))
        assert ask()
        use_redis(encrypted, REDIS_PASSWORD="wrong", REDIS_TLS_CA_FILE=str(chain))
        with pytest.raises(Unavailable):
            ask()
        use_redis(encrypted, REDIS_PASSWORD="p@ss:/w#rd%", REDIS_TLS="on")
        with pytest.raises(Unavailable):
            ask()
    finally:
        encrypted.remove()


def test_clearing_the_cache_leaves_what_is_not_the_cache_s(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    own_redis.client().set(key_of("limit"), "kept")
    for number in range(1_100):
        cache.set(f"n{number}", {"a": [1, None, "ü"]})
    assert cache.get("n7") == {"a": [1, None, "ü"]}
    cache.clear()
    assert own_redis.client().keys() == [key_of("limit").encode()]


def test_numbers_in_the_cache_can_be_counted_up(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    cache.set("n", 1)
    assert cache.incr("n") == 2
    assert cache.get("n") == 2


def test_a_redis_that_was_not_set_up_is_a_bug_to_ask_for(settings: Settings) -> None:
    settings.REDIS = None
    assert not is_on()
    with pytest.raises(Broken):
        key_of("a")


def test_threads_do_not_all_wait_for_a_redis_that_hangs(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis, **HASTY)

    def waits_in_vain() -> bool:
        """Whether Redis itself was asked and did not answer."""
        try:
            with asking():
                client().ping()
        except Unavailable as error:
            return isinstance(error.__cause__, TimeoutError)
        return False

    waits_in_vain()
    own_redis.hang()
    assert waits_in_vain()
    began = time.monotonic()
    with ThreadPoolExecutor(20) as threads:
        waited = sum(threads.map(lambda _: waits_in_vain(), range(200)))
    # One at a time tries again, and after it nobody for a while.
    assert waited <= 1 + (time.monotonic() - began) / AWAY_SECONDS
    own_redis.go_on()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with asking():
                assert client().ping()
            break
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_one_at_a_time_tries_whether_redis_is_back() -> None:
    clock = TurnedClock()
    breaker = Breaker(clock)
    with pytest.raises(Unavailable), breaker.asking():
        raise TimeoutError("no answer")
    with pytest.raises(Unavailable), breaker.asking():
        raise AssertionError("nobody asks so soon")
    clock.turn(1.1)
    with breaker.asking(), pytest.raises(Unavailable), breaker.asking():
        raise AssertionError("somebody else is trying")
    with breaker.asking(), breaker.asking():
        pass


def test_a_connection_that_is_refused_need_not_be_waited_for() -> None:
    breaker = Breaker(TurnedClock())
    for _ in range(3):
        with pytest.raises(Unavailable), breaker.asking():
            raise ConnectionError("refused")
    with breaker.asking():
        pass
