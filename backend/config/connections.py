"""HTTP connections: whoever connects says soon, and in few bytes, what they want, and takes what
they are answered."""

from __future__ import annotations

import asyncio
import resource
import sys
from typing import Any, cast

import structlog
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.core.addresses import network_of
from app.core.limits.shares import Shares

log = structlog.get_logger(__name__)

# For the head of a request, from its first byte on; of the first one from the connection on.
HEAD_SECONDS = 30.0
HEAD_BYTES = 64 * 1024
# Of an answer that is not taken, which fills the buffers, something has to be taken in so long.
TAKE_SECONDS = 60.0

# Who is refused is said at most so often.
QUIET_SECONDS = 60.0

_ENOUGH_FILES = 65_536

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\n"
    b"content-length: 0\r\n"
    b"\r\n"
)


class Doorway:
    """How many connections are open, and whose. Of the files that a process may open three quarters
    are for connections: without the rest it could neither log nor answer."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._shares = Shares(most)
        self._refused = 0
        self._said_at: float | None = None

    @property
    def open(self) -> int:
        return self._shares.held

    def enter(self, holders: tuple[str, ...], now: float) -> bool:
        """Whether one more may come in."""
        if self._shares.take(1, holders):
            return True
        self._refused += 1
        if self._said_at is None or now - self._said_at >= QUIET_SECONDS:
            log.warning("connections_refused", last=holders[0], refused=self._refused)
            self._said_at, self._refused = now, 0
        return False

    def leave(self, holders: tuple[str, ...]) -> None:
        """It is closed."""
        self._shares.give_back(1, holders)


def _most_connections() -> int:
    """Has the system allow as many files as it lets us: the 1,024 that it gives at first are for
    programs that use select(), which cannot have more."""
    most, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if highest == resource.RLIM_INFINITY else min(highest, _ENOUGH_FILES)
    if most == resource.RLIM_INFINITY:
        return sys.maxsize
    if most < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, highest))
    return max(most, wanted) * 3 // 4


DOORWAY = Doorway(_most_connections())


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's own waits for ever for a head, takes all of it into memory, and waits for ever for
    answers to be taken, of any number of connections: nobody needs a key for that. Bodies are bounded
    by whoever reads them."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_in_head = False
        self._heads = self._head_bytes = 0
        self._expiry: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._holders: tuple[str, ...] | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        holders = (network_of(peer[0]) if isinstance(peer, tuple) else "",)
        if not DOORWAY.enter(holders, self.loop.time()):
            transport.abort()
            return
        self._holders = holders
        super().connection_made(transport)
        self._expect()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._holders is None:
            return
        DOORWAY.leave(self._holders)
        self._expect_nothing()
        self._taken()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        head = self._heads
        super().data_received(data)
        if self.transport.is_closing():
            return
        # What came together with the end of another request is not counted.
        if self._is_in_head and self._heads == head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse_head()
                return
        if self._is_idle():
            # What is left of a body that was refused may come for as long as it comes.
            if not self._is_in_head:
                self._expect_nothing()
            self._expect()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        # Whoever answers waits from now on, and holds what it holds.
        self._taking = self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._heads += 1
        self._head_bytes = 0

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._expect_nothing()
        super().on_headers_complete()

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _is_idle(self) -> bool:
        """Whether nobody is being answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _refuse_head(self) -> None:
        if self._is_idle():
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _expect(self) -> None:
        """Something has to come now."""
        if self._expiry is None:
            self._expiry = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _expect_nothing(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
