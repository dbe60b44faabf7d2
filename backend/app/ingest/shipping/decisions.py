"""Which partition a journal entry goes to stays decided until it is stored for good.

The retention class is part of a partition's name. Were it changed between a first try that a crash
cut short and the second one, the second would go elsewhere and store the records again. So every
answer of the directory is written down before it is used, with the number of the first entry that
it holds for; a later answer holds only for entries that no shipper has ever looked at.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from uuid import UUID

import orjson
import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.durable_files import replace_file, sync_directory
from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import StreamDirectory, StreamTarget

log = structlog.get_logger(__name__)

FILE_NAME = "streams.ndjson"
ASK_AGAIN_SECONDS = 30.0
# Senders choose names, and operators change streams: beyond so many lines the file is made anew
# with what entries in the journal may still need.
MAX_LINES = 50_000

_Key = tuple[OrgId, str]


@dataclass(slots=True)
class _Held:
    """What was decided for a stream: targets with the first entry that each holds for, in order."""

    turns: list[tuple[int, StreamTarget]] = field(default_factory=list)
    used_at: int = 0  # the last entry that asked
    asked_at: float | None = None  # when the directory was asked

    def at(self, number: int) -> StreamTarget:
        held = (target for first, target in reversed(self.turns) if first <= number)
        # Of a journal that began anew beside this file no entry is after the first turn.
        return next(held, self.turns[0][1])

    def turn(self, first: int, target: StreamTarget) -> None:
        """From this entry on it is another one."""
        while self.turns and self.turns[-1][0] >= first:
            self.turns.pop()
        self.turns.append((first, target))

    def forget(self, through: int) -> None:
        """Nobody asks for entries up to this one any more."""
        kept = [first for first, _ in self.turns if first <= through + 1]
        self.turns = [turn for turn in self.turns if turn[0] >= kept[-1]]


class Decisions:
    """Answers for each entry as it did the first time, also in another process.

    The directory behind it is asked at most every thirty seconds per stream and may be slow; while
    it is down, known streams go on. One thread asks, another may `forget`.
    """

    def __init__(
        self,
        directory: StreamDirectory,
        folder: Path,
        *,
        last_number: int,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`last_number`: the journal's last entry; those up to it may have been shipped before."""
        self._directory = directory
        self._path = folder / FILE_NAME
        self._clock = clock
        self._highest = last_number
        self._held, self._lines = _read(self._path)
        for held in self._held.values():
            held.used_at = last_number
        self._limit = MAX_LINES
        self._lock = threading.Lock()

    def __call__(self, org_id: OrgId, stream_name: str, number: int) -> StreamTarget:
        """Where this entry goes. `Unavailable` when the directory is down and was never asked, or
        what it says cannot be written down."""
        key = (org_id, stream_name)
        now = self._clock.monotonic()
        with self._lock:
            held = self._held.get(key)
            if held is None:
                held = self._decide(key, 0, self._directory(org_id, stream_name))
                held.asked_at = now
            elif held.asked_at is None or now - held.asked_at >= ASK_AGAIN_SECONDS:
                held.asked_at = now
                self._ask_again(key, held, number)
            held.used_at = max(held.used_at, number)
            self._highest = max(self._highest, number)
            return held.at(number)

    def forget(self, through: int) -> None:
        """Entries up to this one will not come again. Makes the file anew when it has grown;
        `Unavailable` when there is no room for that: the old one holds on."""
        if self._lines <= self._limit:
            return
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if held.used_at > through}
            for held in self._held.values():
                held.forget(through)
            lines = [_line(key, *turn) for key, held in self._held.items() for turn in held.turns]
            with _translated():
                replace_file(self._path, lines)
            self._lines = len(lines)
            self._limit = max(MAX_LINES, 2 * self._lines)

    def _ask_again(self, key: _Key, held: _Held, number: int) -> None:
        try:
            target = self._directory(*key)
        except Unavailable as error:
            log.warning("stream_directory_failed", error=str(error))
            return
        if target != held.turns[-1][1]:
            # An entry that somebody has looked at may be in the store already.
            self._decide(key, number if number > self._highest else self._highest + 1, target)

    def _decide(self, key: _Key, first: int, target: StreamTarget) -> _Held:
        self._write_down(_line(key, first, target))
        held = self._held.setdefault(key, _Held())
        held.turn(first, target)
        return held

    def _write_down(self, line: bytes) -> None:
        is_new = not self._path.exists()
        with _translated():
            with self._path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    _write(file, line)
                except OSError:
                    # The next line must not follow half of this one.
                    file.truncate(end)
                    raise
            self._lines += 1
            if is_new:
                sync_directory(self._path.parent)


def _write(file: FileIO, line: bytes) -> None:
    if file.write(line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"'{FILE_NAME}' cannot be written: {error.strerror}") from error


def _line(key: _Key, first: int, target: StreamTarget) -> bytes:
    return orjson.dumps([str(key[0]), key[1], target.name, target.retention_class, first]) + b"\n"


def _read(path: Path) -> tuple[dict[_Key, _Held], int]:
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        # A crash cut the last line short: nothing was shipped with it.
        os.truncate(path, len(whole))
    held: dict[_Key, _Held] = {}
    lines = whole.splitlines()
    for line in lines:
        # The first release wrote no number: what it decided holds from the start.
        org, stream_name, name, retention_class, *first = orjson.loads(line)
        key = OrgId(UUID(org)), stream_name
        target = StreamTarget(name, retention_class)
        held.setdefault(key, _Held()).turn(first[0] if first else 0, target)
    return held, len(lines)
