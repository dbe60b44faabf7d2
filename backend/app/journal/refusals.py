"""Whose records are refused because their partition takes none and what waits for it is too much: a
small file beside the journal, written by the shipper and read by every intake."""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path
from uuid import UUID

import orjson
import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Unavailable
from app.core.ids import OrgId

log = structlog.get_logger(__name__)

FILE_NAME = "refused.json"
RETRY_AFTER_SECONDS = 30
LOOK_SECONDS = 1.0


class Refused:
    """The shipper's side."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self.said = read_refused(directory)

    def say(self, organisations: Set[OrgId]) -> None:
        """These are refused from now on, and nobody else."""
        if organisations == self.said:
            return
        partial = self._path.with_suffix(f".{os.getpid()}")
        try:
            partial.write_bytes(orjson.dumps(sorted(map(str, organisations))))
            partial.replace(self._path)
        except OSError as error:
            log.warning("shipper_refusals_unwritten", error=str(error))
            return
        log.warning("shipper_refuses", organisations=len(organisations))
        self.said = frozenset(organisations)


class Refusals:
    """An intake's side; for one thread."""

    def __init__(self, directory: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self._directory = directory
        self._clock = clock
        self._refused: Set[OrgId] = frozenset()
        self._version: tuple[int, int] | None = None
        self._look_at = 0.0

    def check(self, org_id: OrgId) -> None:
        """`Unavailable` for an organisation whose records nobody takes now."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look()
        if org_id in self._refused:
            raise Unavailable(
                "a part of the log store takes no records, and too many wait for it",
                code="partition_refuses",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    def _look(self) -> None:
        version = None
        try:
            found = (self._directory / FILE_NAME).stat()
            version = found.st_mtime_ns, found.st_ino
        except OSError:
            self._refused = frozenset()
        if version not in (None, self._version):
            self._refused = read_refused(self._directory)
        self._version = version


def read_refused(directory: Path) -> Set[OrgId]:
    """Who is refused; nobody when that cannot be read."""
    try:
        names = orjson.loads((directory / FILE_NAME).read_bytes())
        return frozenset(OrgId(UUID(name)) for name in names)
    except (OSError, ValueError, TypeError, AttributeError):
        return frozenset()
