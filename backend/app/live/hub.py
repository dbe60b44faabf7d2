"""The listeners' end of the bus: one hub for each process, on its event loop."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from functools import cached_property
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from app.core.errors import Invalid
from app.core.ids import OrgId
from app.live.frames import Head, read_head, read_records
from app.live.metrics import DROPPED, LISTENERS
from app.logstore.types import StoredRecord

T = TypeVar("T")

log = structlog.get_logger(__name__)

# What a listener may be behind; beyond, the oldest is dropped: people watch what happens now.
MAX_WAITING_RECORDS = 5_000
MAX_WAITING_BYTES = 8 * 1024 * 1024
_OTHERS_SHARE = 3


class Source(Protocol):
    """Where frames come from, for one event loop. Finds its way back by itself when the other end
    goes away; what was missed shows in the next frame's head."""

    def start(self, take: Callable[[bytes], None]) -> None:
        """Begins to hand over the frames of wanted organisations."""
        ...

    def want(self, organisations: frozenset[OrgId]) -> None:
        """From now on, or within a second, the frames of these alone."""
        ...

    async def stop(self) -> None:
        """Ends; it may be started again."""
        ...


class Package:
    """A frame that several listeners share: it is read once, when the first one gets to it."""

    def __init__(self, head: Head, frame: bytes) -> None:
        self.head = head
        self.size = len(frame)
        self._frame = frame

    def read(self) -> list[StoredRecord]:
        """The records."""
        return self._records

    @cached_property
    def _records(self) -> list[StoredRecord]:
        try:
            return read_records(self._frame)
        except (TypeError, ValueError):
            log.warning("live_frame_unreadable", publisher=str(self.head.publisher))
            return []


class Listener:
    """Gets the records of one organisation. For the hub's event loop."""

    def __init__(self, org_id: OrgId, leave: Callable[[Listener], None]) -> None:
        self.org_id = org_id
        self._leave = leave
        self._waiting: deque[Package] = deque()
        self._records = self._bytes = 0
        self._dropped = 0
        self._changed = asyncio.Event()

    async def next(self, seconds: float) -> Package | None:
        """What came, the oldest first; `None` when nothing did in that time, or some was lost."""
        if not self._waiting and not self._dropped:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return None
        if not self._waiting:
            return None
        package = self._waiting.popleft()
        self._records -= package.head.count
        self._bytes -= package.size
        return package

    def take_dropped(self) -> int:
        """How many records were lost since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self) -> None:
        """Nothing more comes."""
        self._waiting.clear()
        self._leave(self)

    def give(self, package: Package) -> None:
        """For the hub: never waits; drops what has no room."""
        self._waiting.append(package)
        self._records += package.head.count
        self._bytes += package.size
        while len(self._waiting) > 1 and (
            self._records > MAX_WAITING_RECORDS or self._bytes > MAX_WAITING_BYTES
        ):
            oldest = self._waiting.popleft()
            self._records -= oldest.head.count
            self._bytes -= oldest.size
            self.miss(oldest.head.count, "listener")
        self._changed.set()

    def miss(self, count: int, where: str) -> None:
        """For the hub: so many were lost."""
        self._dropped += count
        DROPPED.labels(where).inc(count)
        self._changed.set()


class LiveHub:
    """Shares one source among all listeners of a process; without listeners it costs nothing."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._turn = asyncio.Semaphore(1)
        self._listeners: defaultdict[OrgId, list[Listener]] = defaultdict(list)
        # How many records of an organisation a publisher had sent at its last frame.
        self._seen: dict[tuple[OrgId, UUID], int] = {}
        self._is_started = self._has_refused = False

    def listen(self, org_id: OrgId) -> Listener:
        """A new listener; close it at the end."""
        listener = Listener(org_id, self._leave)
        is_first = not self._listeners.get(org_id)
        self._listeners[org_id].append(listener)
        LISTENERS.inc()
        if not self._is_started:
            self._is_started = True
            self._source.start(self._take)
        if is_first:
            self._source.want(frozenset(self._listeners))
        return listener

    async def work(self, do: Callable[[], T]) -> T:
        """Does what takes milliseconds for a listener: one at a time, and all of them together have
        a quarter of the loop at most, which is there for others too."""
        async with self._turn:
            began = time.perf_counter()
            done = do()
            await asyncio.sleep((time.perf_counter() - began) * _OTHERS_SHARE)
            return done

    async def close(self) -> None:
        """Ends the source; listeners get nothing more."""
        if self._is_started:
            self._is_started = False
            await self._source.stop()

    def _leave(self, listener: Listener) -> None:
        own = self._listeners.get(listener.org_id, [])
        if listener not in own:
            return
        own.remove(listener)
        LISTENERS.dec()
        if own:
            return
        del self._listeners[listener.org_id]
        self._seen = {
            known: count for known, count in self._seen.items() if known[0] != listener.org_id
        }
        self._source.want(frozenset(self._listeners))

    def _take(self, frame: bytes) -> None:
        try:
            head = read_head(frame)
        except Invalid:
            # Once: during an upgrade there are many.
            if not self._has_refused:
                log.warning("live_frame_refused", size=len(frame))
            self._has_refused = True
            return
        listeners = self._listeners.get(head.org_id)
        if not listeners:
            return
        known = (head.org_id, head.publisher)
        missing = head.before - self._seen.get(known, head.before)
        self._seen[known] = head.before + head.count
        package = Package(head, frame)
        for listener in listeners:
            if missing > 0:
                listener.miss(missing, "bus")
            listener.give(package)
