"""What is let in: bodies with a limit of size and time, and memory for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.core.errors import Invalid, OverLimit, TooLarge
from app.core.limits.shares import Shares
from app.ingest.edge.requests import Headers, content_length
from app.ingest.edge.responses import Receive, TooSlow
from app.ingest.protocols.records import MIB, BodyLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """What the edge takes at most.

    A body has `body_seconds` and, beyond that, a second for each `least_bytes_per_second` that
    arrived, but nothing of it may be waited for longer than `silence_seconds`. `held_bytes` bounds
    the bodies in memory, all requests together.
    """

    body: BodyLimits = field(default_factory=BodyLimits)
    held_bytes: int = 192 * MIB
    body_seconds: float = 30.0
    silence_seconds: float = 15.0
    least_bytes_per_second: int = 16 * 1024
    indexed_seconds: float = 10.0


class HungUp(Exception):
    """The client went away in the middle: there is nobody to answer."""


class BodyMemory:
    """Counts the bytes of all bodies that are being worked on. For one event loop."""

    def __init__(self, limit: int) -> None:
        self._shares = Shares(limit)

    @property
    def held(self) -> int:
        return self._shares.held

    @contextmanager
    def share(self, *holders: str) -> Iterator[BodyShare]:
        """What one request holds, whose sender goes by these names; all of it is given back at the
        end."""
        share = BodyShare(self._shares, holders)
        try:
            yield share
        finally:
            self._shares.give_back(share.held, holders)


class BodyShare:
    """The part of one request in the memory for bodies."""

    def __init__(self, shares: Shares, holders: tuple[str, ...]) -> None:
        self._shares = shares
        self._holders = holders
        self.held = 0

    def grow_to(self, size: int) -> None:
        """Holds at least so many bytes, or raises `OverLimit`; a body that is alone always fits."""
        more = size - self.held
        if more <= 0:
            return
        if self._shares.held == self.held:
            self._shares.hold(more, self._holders)
        elif not self._shares.take(more, self._holders):
            raise OverLimit(
                "too much is being worked on, or too much of this sender's",
                code="intake_busy",
                retry_after_seconds=1,
            )
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
        async with asyncio.timeout_at(_deadline(started, started, 0, limits)) as deadline:
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
                deadline.reschedule(_deadline(started, loop.time(), size, limits))
    except TimeoutError:
        raise TooSlow("the body did not arrive in time", headers={"Connection": "close"}) from None
    if announced is not None and size != announced:
        raise Invalid("the body is not as long as announced", code="incomplete_body")
    return parts


def _deadline(started: float, now: float, size: int, limits: Limits) -> float:
    """Until when the next piece has to be there."""
    arriving = limits.body_seconds + size / limits.least_bytes_per_second
    return min(started + arriving, now + limits.silence_seconds)


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.body.body_bytes:
        raise TooLarge(
            f"a body may have {limits.body.body_bytes} bytes here", code="body_too_large"
        )
