"""The shipper's view of streams, remembered for half a minute."""

from __future__ import annotations

from app.core.clock import SYSTEM_CLOCK
from app.core.db import ask_database
from app.core.errors import Unavailable
from app.core.expiring_cache import ExpiringCache
from app.core.ids import OrgId
from app.ingest.directory import StreamTarget
from app.logstore.types import DEFAULT_STREAM
from app.streams.selectors import stream_target

_REMEMBERED_SECONDS = 30.0
_REMEMBERED_MOST = 100_000


class StoredStreams:
    """`StreamDirectory` of the config database. `Unavailable` while that does not answer: a guess
    would put a record into a partition where its retry is not looked for."""

    def __init__(self) -> None:
        self._targets: ExpiringCache[tuple[OrgId, str], StreamTarget | None] = ExpiringCache(
            _load, seconds=_REMEMBERED_SECONDS, most=_REMEMBERED_MOST, clock=SYSTEM_CLOCK
        )

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        target = self._targets.get((org_id, stream_name or DEFAULT_STREAM))
        target = target or self._targets.get((org_id, DEFAULT_STREAM))
        if target is None:
            raise Unavailable("the default stream cannot be looked up")
        return target


def _load(key: tuple[OrgId, str]) -> StreamTarget | None:
    found = ask_database(lambda: stream_target(*key))
    return None if found is None else StreamTarget(found.name, found.retention_class)
