"""What is let in: bodies with a limit of size and time, and memory for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.core.errors import Invalid, OverLimit, TooLarge
from app.ingest.protocols.records import MIB, BodyLimits
from app.ingest.requests import Headers, content_length
from app.ingest.responses import Receive, TooSlow


@dataclass(frozen=True, slots=True)
class Limits:
    """What the edge takes at most.

    A body has `body_seconds` and, beyond that, a second for each `least_bytes_per_second` that
    arrived. `held_bytes` bounds the bodies in memory, all requests together.
    """

    body: BodyLimits = field(default_factory=BodyLimits)
    held_bytes: int = 128 * MIB
    body_seconds: float = 30.0
    least_bytes_per_second: int = 16 * 1024
    indexed_seconds: float = 10.0


class HungUp(Exception):
    """The client went away in the middle: there is nobody to answer."""


class BodyMemory:
    """Counts the bytes of all bodies that are being worked on. For one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    @contextmanager
    def share(self) -> Iterator[BodyShare]:
        """What one request holds; all of it is given back at the end."""
        share = BodyShare(self)
        try:
            yield share
        finally:
            self.held -= share.held

    def take(self, size: int, *, own: int) -> None:
        """Holds more for whoever holds `own` already, or raises `OverLimit`; a body that is alone
        always fits."""
        if self.held > own and self.held + size > self._limit:
            raise OverLimit(
                f"more than {self._limit} bytes of bodies are being worked on",
                code="intake_busy",
                retry_after_seconds=1,
            )
        self.held += size


class BodyShare:
    """The part of one request in the memory for bodies."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self.held = 0

    def grow_to(self, size: int) -> None:
        """Holds at least so many bytes."""
        if size > self.held:
            self._memory.take(size - self.held, own=self.held)
            self.held = size


async def read_body(
    receive: Receive, headers: Headers, share: BodyShare, limits: Limits
) -> list[bytes]:
    """The whole body as it was sent, in the pieces in which it came.

    `TooLarge` as soon as that is clear, `OverLimit` when there is no memory for it, `TooSlow` when
    it does not come in time, `HungUp` when it never will.
    """
    announced = content_length(headers)
    if announced is not None:
        _check_size(announced, limits)
        share.grow_to(announced)
    loop = asyncio.get_running_loop()
    started = loop.time()
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout_at(started + limits.body_seconds) as deadline:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HungUp
                part: bytes = message.get("body", b"")
                size += len(part)
                _check_size(size, limits)
                share.grow_to(size)
                parts.append(part)
                if not message.get("more_body", False):
                    break
                extra = size / limits.least_bytes_per_second
                deadline.reschedule(started + limits.body_seconds + extra)
    except TimeoutError:
        raise TooSlow(
            f"the body did not arrive within {limits.body_seconds:g} seconds",
            headers={"Connection": "close"},
        ) from None
    if announced is not None and size != announced:
        raise Invalid("the body is not as long as announced", code="incomplete_body")
    return parts


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.body.body_bytes:
        raise TooLarge(
            f"a body may have {limits.body.body_bytes} bytes, split it", code="body_too_large"
        )
