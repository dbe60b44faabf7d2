"""What an organisation may send, and that nobody pays who has no quota."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import OverLimit, Unavailable
from app.core.ids import OrgId
from app.core.limits.rules import Charge, Refusal
from app.core.limits.shared import SharedLimiterOnLoop
from app.core.redis import async_client
from app.ingest.edge import quotas as quotas_module
from app.ingest.edge.quotas import LoopLimiter, OwnLimiter, Quota, Quotas, SharedOrOwnLimiter
from tests.redis_fixtures import HASTY_SECONDS, UseRedis
from tests.redis_server import RedisServer
from tests.shipping import until
from tests.unit.core.limits.clocks import TurnedClock
from tests.unit.ingest.edge.server import ACME, ALICES_KEY, CHARLIES_KEY, GLOBEX, Served, served

PATH = "/api/v1/logs/"
DAY = 86_400
TWENTY = b'{"message":"x"}\n' * 20


def quotas_of(
    own: Mapping[OrgId, Quota], default: Quota | None = None, limiter: LoopLimiter | None = None
) -> Quotas:
    clock = TurnedClock(20_000 * DAY)
    return Quotas(lambda: own, limiter or OwnLimiter(clock), clock, default=default or Quota())


def send(edge: Served, key: str, content: bytes, path: str = PATH) -> httpx.Response:
    headers = {"X-API-Key": key, "Content-Type": "application/x-ndjson", "User-Agent": "test"}
    return edge.post(path, content=content, headers=headers)


def send_until_known(edge: Served, quotas: Quotas) -> None:
    """The first request has the quotas loaded, which holds up nobody."""
    assert send(edge, CHARLIES_KEY, b"{}").status_code == 202
    until(lambda: bool(quotas._own))


def test_a_request_over_the_quota_is_refused_as_a_whole(tmp_path: Path) -> None:
    quotas = quotas_of({ACME: Quota(records_per_second=5)})
    with served(tmp_path, quotas=quotas) as edge:
        send_until_known(edge, quotas)
        assert send(edge, ALICES_KEY, TWENTY * 2).status_code == 202
        kept = len(edge.lines())
        refused = send(edge, ALICES_KEY, TWENTY)
        assert refused.status_code == 429
        assert refused.json()["code"] == "quota_records_per_second"
        assert "5 records a second" in refused.json()["detail"]
        # Of 50 at once 40 are owed: 10 too many at 5 a second.
        assert refused.headers["Retry-After"] == "2"
        assert len(edge.lines()) == kept
        assert send(edge, ALICES_KEY, b"{}\n" * 10).status_code == 202
        assert send(edge, CHARLIES_KEY, TWENTY * 100).status_code == 202


def test_elasticsearch_s_way_in_has_the_same_quota_in_its_own_form(tmp_path: Path) -> None:
    bulk = b'{"index":{}}\n{"message":"x"}\n' * 20
    quotas = quotas_of({ACME: Quota(records_per_second=2)})
    with served(tmp_path, quotas=quotas) as edge:
        send_until_known(edge, quotas)
        assert send(edge, ALICES_KEY, bulk, "/x/_bulk").status_code == 200
        refused = send(edge, ALICES_KEY, bulk, "/x/_bulk")
        assert refused.status_code == 429
        assert refused.json()["error"]["type"] == "es_rejected_execution_exception"
        assert int(refused.headers["Retry-After"]) == 10


def test_bytes_of_a_day_are_counted_as_they_are_kept(tmp_path: Path) -> None:
    with served(tmp_path, quotas=quotas_of({}, default=Quota(bytes_per_day=600))) as edge:
        assert send(edge, ALICES_KEY, TWENTY).status_code == 202
        assert send(edge, ALICES_KEY, TWENTY).status_code == 202
        refused = send(edge, ALICES_KEY, b"{}")
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_bytes_per_day")
        assert refused.headers["Retry-After"] == str(DAY)
        assert send(edge, CHARLIES_KEY, TWENTY).status_code == 202


def test_an_own_quota_may_be_larger_than_the_one_of_all(tmp_path: Path) -> None:
    quotas = quotas_of({GLOBEX: Quota()}, default=Quota(bytes_per_day=10))
    with served(tmp_path, quotas=quotas) as edge:
        send_until_known(edge, quotas)
        assert send(edge, ALICES_KEY, TWENTY).status_code == 429
        assert send(edge, CHARLIES_KEY, TWENTY).status_code == 202


class Counted:
    """A limiter that keeps what it was asked."""

    def __init__(self) -> None:
        self.taken: list[tuple[Charge, ...]] = []
        self.back: list[tuple[Charge, ...]] = []

    async def take(self, *charges: Charge) -> Refusal | None:
        self.taken.append(charges)
        return None

    async def give_back(self, *charges: Charge) -> None:
        self.back.append(charges)


def test_nobody_is_asked_where_there_is_no_quota(tmp_path: Path) -> None:
    counted = Counted()
    quotas = quotas_of({ACME: Quota(records_per_second=5)}, limiter=counted)
    with served(tmp_path, quotas=quotas) as edge:
        send_until_known(edge, quotas)
        for _ in range(3):
            assert send(edge, CHARLIES_KEY, TWENTY).status_code == 202
        assert counted.taken == []
        assert send(edge, ALICES_KEY, TWENTY).status_code == 202
        assert [charge.amount for charges in counted.taken for charge in charges] == [20]


def test_what_the_journal_had_no_room_for_is_not_charged(tmp_path: Path) -> None:
    counted = Counted()
    quotas = quotas_of({}, default=Quota(bytes_per_day=10**9), limiter=counted)
    large = [
        orjson.dumps({"a": random.Random(number).randbytes(200_000).hex()}) for number in range(9)
    ]
    with served(tmp_path, quotas=quotas, journal_bytes=1 << 20) as edge:
        codes = [send(edge, ALICES_KEY, body).status_code for body in large]
        assert set(codes) == {202, 429}
        assert len(counted.taken) == len(large)
        assert len(counted.back) == codes.count(429)
        assert {charge.amount for charges in counted.back for charge in charges} == {400_008}


async def charges_of(quotas: Quotas) -> list[Charge]:
    """What a request of Acme's costs, once what is being loaded is there."""
    quotas.charges(ACME, records=1, size=1)
    # Its thread does one thing after the other.
    await asyncio.get_running_loop().run_in_executor(quotas._thread, int)
    return quotas.charges(ACME, records=1, size=1)


def test_a_quota_that_was_changed_holds_within_half_a_minute() -> None:
    own = {ACME: Quota(records_per_second=1)}
    clock = TurnedClock()
    quotas = Quotas(lambda: dict(own), Counted(), clock, default=Quota())

    async def change() -> list[int]:
        found = [len(await charges_of(quotas))]
        own[ACME] = Quota(records_per_second=1, bytes_per_day=1)
        clock.turn(29)
        found.append(len(await charges_of(quotas)))
        clock.turn(1.5)
        found.append(len(await charges_of(quotas)))
        return found

    assert asyncio.run(change()) == [1, 1, 2]
    quotas.close()


def test_a_database_that_is_away_leaves_the_quotas_as_they_were() -> None:
    answers: list[Any] = [{ACME: Quota(records_per_second=1)}, Unavailable("away"), {}]
    clock = TurnedClock()

    def load() -> Mapping[OrgId, Quota]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        known: Mapping[OrgId, Quota] = answer
        return known

    quotas = Quotas(load, Counted(), clock, default=Quota())

    async def look() -> list[int]:
        found = [len(await charges_of(quotas))]
        clock.turn(31)
        found.append(len(await charges_of(quotas)))
        clock.turn(5.5)
        found.append(len(await charges_of(quotas)))
        return found

    assert asyncio.run(look()) == [1, 1, 0]
    assert answers == []
    quotas.close()


def test_two_edges_share_one_quota_and_count_apart_while_redis_is_away(
    own_redis: RedisServer, use_redis: UseRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_redis(own_redis)
    # Nothing flows while the test runs, and no day of Redis' clock ends.
    monkeypatch.setattr(quotas_module, "DAY_SECONDS", 100 * 365 * DAY)
    slow = Quota(bytes_per_day=100)

    async def run() -> None:
        clients = [async_client(most_seconds=HASTY_SECONDS) for _ in range(2)]
        limiters = [SharedOrOwnLimiter(SharedLimiterOnLoop(one), SYSTEM_CLOCK) for one in clients]
        edges = [Quotas(dict, limiter, SYSTEM_CLOCK, default=slow) for limiter in limiters]

        async def passes(edge: Quotas, size: int) -> bool:
            try:
                await edge.take(edge.charges(ACME, records=1, size=size))
            except OverLimit:
                return False
            return True

        assert await passes(edges[0], 60)
        assert not await passes(edges[1], 60)
        await edges[0].give_back(edges[0].charges(ACME, records=1, size=60))
        assert await passes(edges[1], 60)
        own_redis.hang()
        began = asyncio.get_running_loop().time()
        for edge in edges:
            assert await passes(edge, 100)
            assert not await passes(edge, 1)
            await edge.give_back(edge.charges(ACME, records=1, size=50))
            assert await passes(edge, 50)
        assert asyncio.get_running_loop().time() - began < 2 * HASTY_SECONDS + 10
        own_redis.go_on()
        await asyncio.sleep(1.1)
        assert not await passes(edges[0], 60)
        assert await passes(edges[0], 40)
        for edge, client in zip(edges, clients, strict=True):
            edge.close()
            await client.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("quota", [Quota(), Quota(0, 0)])
def test_no_quota_has_no_limits(quota: Quota) -> None:
    assert quota.limits() == ()
