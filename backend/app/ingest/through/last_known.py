"""Streams as they were known last, for whoever has no journal to wait with while the database is away."""

from __future__ import annotations

from typing import NamedTuple

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import StreamDirectory, StreamTarget

# As long as the edge lets senders in that it cannot look up.
OUTAGE_SECONDS = 900.0
MAX_HELD = 50_000


class _Held(NamedTuple):
    target: StreamTarget
    answered_at: float


class LastKnown:
    """A `StreamDirectory` over another one. For one thread.

    What the other one said last goes on for `OUTAGE_SECONDS` while it says nothing. A retry of
    records with ids that meets another answer is harmless where ids are looked up over all
    retention classes.
    """

    def __init__(self, directory: StreamDirectory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._held: dict[tuple[OrgId, str], _Held] = {}

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        """See `StreamDirectory`."""
        key = (org_id, stream_name)
        now = self._clock.monotonic()
        try:
            target = self._directory(org_id, stream_name)
        except Unavailable:
            held = self._held.get(key)
            if held is None or now - held.answered_at > OUTAGE_SECONDS:
                raise
            return held.target
        self._held.pop(key, None)
        self._held[key] = _Held(target, now)
        if len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]
        return target
