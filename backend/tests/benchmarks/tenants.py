"""Many small organisations at once: each sends a little every second, and finds it soon."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import orjson

from tests.benchmarks.processes import anonymous_bytes
from tests.process.service import Service, Tenant

PER_SECOND = 10
FINDABLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of it. `late` probes needed more than FINDABLE_SECONDS."""

    organisations: int
    seconds: float
    sent: int
    lost: int
    median_findable: float
    worst_findable: float
    late: int
    most_anonymous: int


def run_crowd(service: Service, organisations: int, seconds: int) -> Crowd:
    """Everybody sends PER_SECOND records each second; some ask for theirs at once."""
    with ThreadPoolExecutor(4) as pool:
        tenants = list(pool.map(lambda n: service.join(f"Crowd{n}"), range(organisations)))
    return asyncio.run(_Run(service, tenants, seconds).run())


class _Run:
    def __init__(self, service: Service, tenants: list[Tenant], seconds: int) -> None:
        self._service = service
        self._tenants = tenants
        self._seconds = seconds
        self._chance = random.Random(7)
        self._delays: list[float] = []
        self._sent = 0
        self._most = 0

    async def run(self) -> Crowd:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        before = time.monotonic()
        async with httpx.AsyncClient(
            base_url=self._service.url, timeout=60, limits=limits
        ) as client:
            probes = asyncio.create_task(self._probe_now_and_then(client))
            for second in range(self._seconds):
                await self._send_second(client, second)
                self._most = max(
                    self._most, await asyncio.to_thread(anonymous_bytes, self._service)
                )
                await asyncio.sleep(max(before + second + 1 - time.monotonic(), 0))
            took = time.monotonic() - before
            await probes
            await asyncio.sleep(FINDABLE_SECONDS)
            lost = self._sent - sum([await self._count(client, tenant) for tenant in self._tenants])
        return Crowd(
            len(self._tenants),
            took,
            self._sent,
            lost,
            statistics.median(self._delays),
            max(self._delays),
            sum(delay > FINDABLE_SECONDS for delay in self._delays),
            self._most,
        )

    async def _send_second(self, client: httpx.AsyncClient, second: int) -> None:
        # Shares of a second, as a crowd would, and not everybody in the same millisecond.
        share = max(len(self._tenants) // 20, 1)
        for start in range(0, len(self._tenants), share):
            await asyncio.gather(
                *(self._send(client, one, second) for one in self._tenants[start : start + share])
            )

    async def _send(self, client: httpx.AsyncClient, tenant: Tenant, second: int) -> None:
        lines = b"\n".join(
            orjson.dumps({"message": f"tick {second} of a crowd", "tick": second, "n": n})
            for n in range(PER_SECOND)
        )
        answer = await client.post("/api/v1/logs/", content=lines, headers=_key(tenant))
        answer.raise_for_status()
        self._sent += PER_SECOND

    async def _probe_now_and_then(self, client: httpx.AsyncClient) -> None:
        for number in range(self._seconds):
            tenant = self._chance.choice(self._tenants)
            word = f"probe{number}"
            answer = await client.post(
                "/api/v1/logs/", content=orjson.dumps({"message": word}), headers=_key(tenant)
            )
            answer.raise_for_status()
            self._sent += 1
            before = time.monotonic()
            await self._until_found(client, tenant, word)
            self._delays.append(time.monotonic() - before)
            await asyncio.sleep(max(1.0 - self._delays[-1], 0))

    async def _until_found(self, client: httpx.AsyncClient, tenant: Tenant, word: str) -> None:
        if not await self._count(client, tenant, word):
            await asyncio.sleep(0.05)
            await self._until_found(client, tenant, word)

    async def _count(self, client: httpx.AsyncClient, tenant: Tenant, q: str = "") -> int:
        answer = await client.get(
            "/api/v1/logs/search/",
            params={"q": q, "from": "now-1h", "page_size": 1},
            headers=_key(tenant),
        )
        answer.raise_for_status()
        total: int = answer.json()["total"]["value"]
        return total


def _key(tenant: Tenant) -> dict[str, str]:
    return {"Authorization": f"ApiKey {tenant.key}", "Content-Type": "application/x-ndjson"}
