"""The edge's quotas: whose they are, and where they are counted."""

from __future__ import annotations

from django.conf import settings

from app.core import redis
from app.core.clock import SYSTEM_CLOCK
from app.core.limits.shared import SharedLimiterOnLoop
from app.ingest.edge.quotas import LoopLimiter, OwnLimiter, Quota, Quotas, SharedOrOwnLimiter
from app.ingest.edge.stored.quotas import load_quotas

# Senders wait for their answer: a Redis that takes longer counts as away.
_MOST_SECONDS = 0.5


def build_quotas() -> Quotas:
    """For the event loop that will serve."""
    limiter: LoopLimiter = OwnLimiter(SYSTEM_CLOCK)
    if redis.is_on():
        connections = redis.async_client(most_seconds=_MOST_SECONDS)
        limiter = SharedOrOwnLimiter(SharedLimiterOnLoop(connections), SYSTEM_CLOCK)
    default = Quota(settings.INGEST_RECORDS_PER_SECOND, settings.INGEST_BYTES_PER_DAY)
    return Quotas(load_quotas, limiter, SYSTEM_CLOCK, default=default)
