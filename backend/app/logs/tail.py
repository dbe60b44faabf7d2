"""Live tail: records that match a query, as they are committed, as server-sent events."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from app.core.clock import Clock
from app.core.ending import is_ending
from app.core.errors import ElkError, OverLimit, Unavailable
from app.core.ids import OrgId
from app.core.json import OrjsonRenderer
from app.core.scope import Permission, Scope
from app.live.hub import Listener, LiveHub
from app.logs.instants import instant_text
from app.logs.rows import record_row
from app.logstore.memory.matcher import matcher
from app.logstore.schema import leaves_of
from app.logstore.types import HIDDEN_STREAM_PREFIX, StoredRecord
from app.query.parser import parse
from app.query.resolve import resolve

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
# How soon a tail notices that its process ends.
_NAP_SECONDS = 1.0
# So many are looked at before others get their turn.
_SLICE = 50
MAX_TAILS = 200
MAX_TAILS_EACH = 50
_RETRY_AFTER_SECONDS = 5
_NOW = "now"
# What a browser waits before it comes again.
_RETRY = b"retry: 2000\n\n"

Test = Callable[[StoredRecord], bool]


@dataclass(frozen=True, slots=True)
class TailAsked:
    """What is watched: the records that match, of one stream or of all but hidden ones."""

    query: str = ""
    stream: str | None = None

    def test(self, now_ns: int) -> Test:
        """Whether a record is shown, as the query means it now; `Invalid` points at a mistake."""
        matches = matcher(resolve(parse(self.query), now_ns=now_ns))
        stream = self.stream
        if stream is None:
            return lambda record: (
                not record.stream.startswith(HIDDEN_STREAM_PREFIX) and matches(record)
            )
        return lambda record: record.stream == stream and matches(record)


class Places:
    """How many tails there may be, in this process and of each organisation."""

    def __init__(self, most: int = MAX_TAILS, most_each: int = MAX_TAILS_EACH) -> None:
        self._most = most
        self._most_each = most_each
        self._taken: Counter[OrgId] = Counter()
        self._lock = threading.Lock()

    def take(self, org_id: OrgId) -> None:
        """Raises `OverLimit` or `Unavailable`, with code `too_many_tails`, when all are taken."""
        with self._lock:
            if self._taken.total() >= self._most:
                raise Unavailable(
                    f"{self._most} tails are open here already",
                    code="too_many_tails",
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
            if self._taken[org_id] >= self._most_each:
                raise OverLimit(
                    f"{self._most_each} tails of this organisation are open already",
                    code="too_many_tails",
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
            self._taken[org_id] += 1

    def leave(self, org_id: OrgId) -> None:
        """Gives a place back."""
        with self._lock:
            self._taken -= Counter([org_id])


class Tail:
    """One watcher: `events` on the event loop, `close` from anywhere, once or more.

    `check` raises when the watcher may not look any longer; it is asked in a thread at each
    heartbeat. Of the hub's loop tails take a quarter at most: who wants more than that is shown
    what comes last, and how much was left out.
    """

    def __init__(
        self, scope: Scope, asked: TailAsked, *, check: Callable[[], object], clock: Clock
    ) -> None:
        scope.require(Permission.SEARCH)
        self._org_id = scope.org_id
        self._asked = asked
        self._check = check
        self._clock = clock
        # Now, so that a mistake in the query is answered and not streamed.
        self._test = asked.test(clock.now_ns())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None
        self._is_closed = False

    async def events(self, hub: Callable[[], LiveHub]) -> AsyncIterator[bytes]:
        """The events until the watcher leaves, may not look any longer, or the process ends."""
        self._loop = asyncio.get_running_loop()
        here = hub()
        listener = self._listener = here.listen(self._org_id)
        try:
            yield _RETRY
            async for event in self._shown(here, listener):
                yield event
        finally:
            listener.close()

    def close(self) -> None:
        """Ends it, also when nobody came for the events."""
        loop, listener = self._loop, self._listener
        if self._is_closed or loop is None or listener is None:
            return
        self._is_closed = True
        # A loop that has ended took its listeners along.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(listener.close)

    async def _shown(self, hub: LiveHub, listener: Listener) -> AsyncIterator[bytes]:
        beat_at = self._clock.monotonic()
        while not is_ending():
            if self._clock.monotonic() >= beat_at:
                beat_at = self._clock.monotonic() + HEARTBEAT_SECONDS
                if not await self._may_go_on():
                    yield event_of("end", {"code": "not_allowed"})
                    return
                yield event_of("heartbeat", {"at": instant_text(self._clock.now_ns())})
            package = await listener.next(_NAP_SECONDS)
            dropped = listener.take_dropped()
            if dropped:
                yield event_of("dropped", {"count": dropped})
            if package is None:
                continue
            if _NOW in self._asked.query:
                # A record of this moment is not after `now`.
                self._test = self._asked.test(self._clock.now_ns())
            records = await hub.work(package.read)
            for start in range(0, len(records), _SLICE):
                some = records[start : start + _SLICE]
                found = await hub.work(partial(self._events_of, some))
                if found:
                    yield found
        yield event_of("end", {"code": "shutting_down"})

    def _events_of(self, records: Sequence[StoredRecord]) -> bytes:
        return b"".join(
            event_of("log", _row_of(record)) for record in records if self._test(record)
        )

    async def _may_go_on(self) -> bool:
        try:
            await asyncio.to_thread(self._check)
        except Unavailable:
            # Nobody can say; who was let in before stays.
            return True
        except ElkError as error:
            log.info("tail_ended", code=error.code)
            return False
        return True


def event_of(name: str, value: object) -> bytes:
    """One server-sent event. Compact JSON has no line breaks."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), OrjsonRenderer().render(value))


def _row_of(record: StoredRecord) -> object:
    not_indexed = leaves_of(dict(record.attributes))[1]
    row = record_row(record)
    if not_indexed:
        row["_not_indexed"] = not_indexed
    return row
