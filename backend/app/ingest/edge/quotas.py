"""How much an organisation may send: so many records a second, so many bytes a day.

Nothing is asked of anybody while no quota is set. Of a request either everything is charged, before
anything of it is kept, or it is refused as a whole with the quota's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.core.limits.memory import MemoryLimiter
from app.core.limits.rules import Allowance, Charge, Flow, Limit, Refusal, over
from app.ingest.edge.metrics import QUOTA_COUNTED_APART, QUOTA_REFUSED

log = structlog.get_logger(__name__)

# So many seconds' worth of records may come at once: shippers send what they have in batches.
BURST_SECONDS = 10
DAY_SECONDS = 86_400
# How long this process may not know of a quota that was changed.
REMEMBERED_SECONDS = 30.0
RETRY_SECONDS = 5.0
# For so long nobody asks again whoever did not answer.
AWAY_SECONDS = 1.0

RECORDS_PER_SECOND = "quota_records_per_second"
BYTES_PER_DAY = "quota_bytes_per_day"


@dataclass(frozen=True, slots=True)
class Quota:
    """What an organisation may send. 0: as much as it likes."""

    records_per_second: int = 0
    bytes_per_day: int = 0

    def limits(self) -> tuple[Limit, ...]:
        """The quota as limits; none, when there is nothing to count."""
        found: list[Limit] = []
        if self.records_per_second:
            burst = self.records_per_second * BURST_SECONDS
            found.append(Flow(RECORDS_PER_SECOND, self.records_per_second, burst))
        if self.bytes_per_day:
            found.append(Allowance(BYTES_PER_DAY, self.bytes_per_day, DAY_SECONDS))
        return tuple(found)


class LoopLimiter(Protocol):
    """A `Limiter` for one event loop."""

    async def take(self, *charges: Charge) -> Refusal | None: ...

    async def give_back(self, *charges: Charge) -> None: ...


class OwnLimiter:
    """Counts for this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._limiter = MemoryLimiter(clock)

    async def take(self, *charges: Charge) -> Refusal | None:
        return self._limiter.take(*charges)

    async def give_back(self, *charges: Charge) -> None:
        self._limiter.give_back(*charges)


class SharedOrOwnLimiter:
    """Counts for all processes; while that cannot be done, for this one alone.

    A quota guards against too much. While Redis is away, each process lets in what is allowed to
    all: losing somebody's logs would be worse.
    """

    def __init__(self, shared: LoopLimiter, clock: Clock) -> None:
        self._shared = shared
        self._own = OwnLimiter(clock)
        self._clock = clock
        self._away_until = float("-inf")

    async def take(self, *charges: Charge) -> Refusal | None:
        if self._clock.monotonic() >= self._away_until:
            try:
                return await self._shared.take(*charges)
            except Unavailable:
                self._away_until = self._clock.monotonic() + AWAY_SECONDS
        QUOTA_COUNTED_APART.inc()
        return await self._own.take(*charges)

    async def give_back(self, *charges: Charge) -> None:
        if self._clock.monotonic() >= self._away_until:
            try:
                await self._shared.give_back(*charges)
            except Unavailable:
                self._away_until = self._clock.monotonic() + AWAY_SECONDS
        else:
            await self._own.give_back(*charges)


class Quotas:
    """The quotas of all organisations, for one event loop.

    `load` names those that differ from `default`. It is asked in a thread, while what it said
    before still holds.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[OrgId, Quota]],
        limiter: LoopLimiter,
        clock: Clock,
        *,
        default: Quota,
    ) -> None:
        self._load = load
        self._limiter = limiter
        self._clock = clock
        self._default = default.limits()
        self._own: Mapping[OrgId, tuple[Limit, ...]] = {}
        self._due = float("-inf")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ingest-quotas")

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def charges(self, org_id: OrgId, *, records: int, size: int) -> list[Charge]:
        """What a request costs: nothing where there is no quota."""
        if self._clock.monotonic() >= self._due:
            self._refresh()
        limits = self._own.get(org_id, self._default)
        if not limits:
            return []
        amounts = {RECORDS_PER_SECOND: records, BYTES_PER_DAY: size}
        subject = str(org_id)
        return [Charge(limit, subject, amounts[limit.name]) for limit in limits]

    async def take(self, charges: list[Charge]) -> None:
        """Charges a request; `OverLimit` when it would be too much."""
        refusal = await self._limiter.take(*charges)
        if refusal is None:
            return
        QUOTA_REFUSED.labels(refusal.limit.name).inc()
        raise over(refusal, _detail_of(refusal.limit))

    async def give_back(self, charges: list[Charge]) -> None:
        """For a request of which nothing was kept after all."""
        await self._limiter.give_back(*charges)

    def _refresh(self) -> None:
        # Whatever becomes of it: nobody asks again before.
        self._due = self._clock.monotonic() + REMEMBERED_SECONDS
        loading = asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        loading.add_done_callback(self._loaded)

    def _loaded(self, loading: asyncio.Future[Mapping[OrgId, Quota]]) -> None:
        if loading.cancelled():
            return
        error = loading.exception()
        if error is not None:
            log.warning("quotas_not_loaded", error=type(error).__name__, detail=str(error))
            self._due = self._clock.monotonic() + RETRY_SECONDS
            return
        self._own = {org_id: quota.limits() for org_id, quota in loading.result().items()}


def _detail_of(limit: Limit) -> str:
    if isinstance(limit, Flow):
        return f"the organisation's quota of {limit.per_second:g} records a second is used up"
    return f"the organisation's quota of {limit.most} bytes a day is used up"
