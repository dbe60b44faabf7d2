"""The shipper's view of streams, remembered for half a minute."""

from __future__ import annotations

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.db import ask_database
from app.core.errors import Unavailable
from app.core.expiring_cache import ExpiringCache
from app.core.ids import OrgId
from app.ingest.directory import StreamTarget
from app.logstore.types import DEFAULT_STREAM
from app.streams.selectors import stream_target

log = structlog.get_logger(__name__)

# After a question that was not answered nobody asks for so long, about whatever stream: one thread
# asks for all of them, and would wait for each.
PAUSE_SECONDS = 5.0
_REMEMBERED_SECONDS = 30.0
_REMEMBERED_MOST = 100_000


class StoredStreams:
    """`StreamDirectory` of the config database. `Unavailable` while that does not answer: a guess
    would put a record into a partition where its retry is not looked for."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._asks_again_at = float("-inf")
        self._targets: ExpiringCache[tuple[OrgId, str], StreamTarget | None] = ExpiringCache(
            self._load, seconds=_REMEMBERED_SECONDS, most=_REMEMBERED_MOST, clock=clock
        )

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        target = self._targets.get((org_id, stream_name or DEFAULT_STREAM))
        target = target or self._targets.get((org_id, DEFAULT_STREAM))
        if target is None:
            raise Unavailable("the default stream cannot be looked up")
        return target

    def _load(self, key: tuple[OrgId, str]) -> StreamTarget | None:
        if self._clock.monotonic() < self._asks_again_at:
            raise _unavailable()
        try:
            found = ask_database(lambda: stream_target(*key))
        except Unavailable as error:
            log.warning("streams_not_read", error=str(error.__cause__))
            self._asks_again_at = self._clock.monotonic() + PAUSE_SECONDS
            raise _unavailable() from error
        return None if found is None else StreamTarget(found.name, found.retention_class)


def _unavailable() -> Unavailable:
    return Unavailable(
        "the database does not answer",
        code="database_unavailable",
        retry_after_seconds=int(PAUSE_SECONDS),
    )
