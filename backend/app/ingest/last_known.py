"""Streams as they were known last, for whoever has no journal to wait with while the database is away."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import StreamDirectory, StreamTarget

log = structlog.get_logger(__name__)

# As long as the edge lets senders in that it cannot look up.
OUTAGE_SECONDS = 900.0
# Nobody who waits in the same thread has to wait for each of the tries.
PAUSE_SECONDS = 5.0
MAX_HELD = 50_000


class _Held(NamedTuple):
    target: StreamTarget
    answered_at: float


class LastKnown:
    """A `StreamDirectory` over another one. For one thread.

    After a try that failed, nobody is asked for `PAUSE_SECONDS`: what is known goes on for
    `OUTAGE_SECONDS`, all else is `Unavailable` at once. A retry of records with ids that meets another
    answer is harmless where ids are looked up over all retention classes.
    """

    def __init__(self, directory: StreamDirectory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._held: dict[tuple[OrgId, str], _Held] = {}
        self._asks_again_at = float("-inf")

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        """See `StreamDirectory`."""
        key = (org_id, stream_name)
        now = self._clock.monotonic()
        if now < self._asks_again_at:
            return self._last(key, now)
        try:
            target = self._directory(org_id, stream_name)
        except Unavailable as error:
            log.warning("stream_directory_failed", error=error.detail)
            self._asks_again_at = self._clock.monotonic() + PAUSE_SECONDS
            return self._last(key, now)
        self._held.pop(key, None)
        self._held[key] = _Held(target, now)
        if len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]
        return target

    def _last(self, key: tuple[OrgId, str], now: float) -> StreamTarget:
        held = self._held.get(key)
        if held is None or now - held.answered_at > OUTAGE_SECONDS:
            raise Unavailable(
                "the database does not answer",
                code="database_unavailable",
                retry_after_seconds=int(PAUSE_SECONDS),
            )
        return held.target
