"""Which partition a journal entry goes to stays decided until it is stored for good.

The retention class is part of a partition's name. Were it changed between a first try that a crash
cut short and the second one, the second would go elsewhere and store the records again. So every
answer of the directory is written down before it is used, and a new answer takes effect only when
all that was shipped with the old one is committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import orjson
import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import StreamDirectory, StreamTarget
from app.journal.storage import sync_directory

log = structlog.get_logger(__name__)

FILE_NAME = "streams.ndjson"
ASK_AGAIN_SECONDS = 30.0
# Senders choose names: so many are held, then all are forgotten as soon as that does no harm.
MAX_HELD = 50_000

_Key = tuple[OrgId, str]


class Decisions:
    """A `StreamDirectory` that keeps to its answers until `renew`.

    The directory behind it is asked at most every thirty seconds per stream and may be slow; while
    it is down, known streams go on.
    """

    def __init__(
        self, directory: StreamDirectory, folder: Path, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._directory = directory
        self._path = folder / FILE_NAME
        self._clock = clock
        self._held = _read(self._path)
        self._asked: dict[_Key, float] = {}
        self.has_news = False

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        """What was decided; asked for and written down the first time."""
        key = (org_id, stream_name)
        held = self._held.get(key)
        if held is None:
            held = self._directory(org_id, stream_name)
            self._write_down(key, held)
            self._held[key] = held
            self._asked[key] = self._clock.monotonic()
            self.has_news = self.has_news or len(self._held) > MAX_HELD
        elif (
            self._clock.monotonic() - self._asked.get(key, -ASK_AGAIN_SECONDS) >= ASK_AGAIN_SECONDS
        ):
            self._ask_again(key, held)
        return held

    def renew(self) -> None:
        """Forgets every decision. Only when nothing is between its first append and its commit."""
        self._held.clear()
        self._asked.clear()
        self._path.unlink(missing_ok=True)
        self.has_news = False

    def _ask_again(self, key: _Key, held: StreamTarget) -> None:
        self._asked[key] = self._clock.monotonic()
        try:
            now = self._directory(*key)
        except Unavailable as error:
            log.warning("stream_directory_failed", error=str(error))
            return
        self.has_news = self.has_news or now != held

    def _write_down(self, key: _Key, target: StreamTarget) -> None:
        line = orjson.dumps([str(key[0]), key[1], target.name, target.retention_class])
        is_new = not self._path.exists()
        with self._path.open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_directory(self._path.parent)


def _read(path: Path) -> dict[_Key, StreamTarget]:
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        # A crash cut the last line short: nothing was shipped with it.
        path.write_bytes(whole)
    held: dict[_Key, StreamTarget] = {}
    for line in whole.splitlines():
        org, stream_name, name, retention_class = orjson.loads(line)
        held[OrgId(UUID(org)), stream_name] = StreamTarget(name, retention_class)
    return held
