"""The bus of all machines: a channel of Redis for each organisation that somebody listens to.

Redis forgets a listener with its connection, so that nobody has to say good-bye; who is listened to
is asked of it once a second.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog

from app.core import redis as connections
from app.core.errors import Unavailable
from app.core.ids import OrgId

log = structlog.get_logger(__name__)

ASK_SECONDS = 1.0
# After a failure nobody asks again for so long.
AWAY_SECONDS = 2.0
_POLL_SECONDS = 0.5
# Whoever looks at Redis by hand may listen to anything.
_IS_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RedisPublisher:
    """A `Publisher` with a thread that asks who listens."""

    def __init__(self) -> None:
        self._client = connections.client()
        self._prefix = _channel_prefix()
        self._wanted: frozenset[OrgId] = frozenset()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask_again, name="live-publisher", daemon=True)
        self._thread.start()

    def wanted(self) -> frozenset[OrgId]:
        return self._wanted

    def publish(self, org_id: OrgId, frame: bytes) -> bool:
        try:
            with connections.answering():
                self._client.publish(f"{self._prefix}{org_id}", frame)
        except Unavailable:
            # Until it is asked again: each frame would wait for as long.
            self._wanted = frozenset()
            return False
        return True

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _ask_again(self) -> None:
        seconds = 0.0
        while not self._stopping.wait(seconds):
            try:
                self._wanted = self._ask()
                seconds = ASK_SECONDS
            except Unavailable:
                self._wanted = frozenset()
                seconds = AWAY_SECONDS

    def _ask(self) -> frozenset[OrgId]:
        with connections.answering():
            found: list[Any] = self._client.pubsub_channels(f"{self._prefix}*")
        names = (channel.decode(errors="replace").removeprefix(self._prefix) for channel in found)
        return frozenset(OrgId(UUID(name)) for name in names if _IS_ID.fullmatch(name))


class RedisSource:
    """A `Source` over one connection that is subscribed to what is wanted."""

    def __init__(self) -> None:
        self._wanted: frozenset[OrgId] = frozenset()
        self._reading: asyncio.Task[None] | None = None

    def start(self, take: Callable[[bytes], None]) -> None:
        self._reading = asyncio.create_task(self._read_again(take))

    def want(self, organisations: frozenset[OrgId]) -> None:
        self._wanted = organisations

    async def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None

    async def _read_again(self, take: Callable[[bytes], None]) -> None:
        while True:
            client = connections.async_client()
            try:
                with connections.answering():
                    async with client.pubsub(ignore_subscribe_messages=True) as subscribed:
                        await self._read(subscribed, take)
            except Unavailable:
                await asyncio.sleep(AWAY_SECONDS)
            finally:
                await client.aclose()

    async def _read(self, subscribed: Any, take: Callable[[bytes], None]) -> None:
        heard: frozenset[OrgId] = frozenset()
        prefix = _channel_prefix()
        while True:
            wanted = self._wanted
            if new := wanted - heard:
                await subscribed.subscribe(*(f"{prefix}{org_id}" for org_id in new))
            if old := heard - wanted:
                await subscribed.unsubscribe(*(f"{prefix}{org_id}" for org_id in old))
            heard = wanted
            if not heard:
                await asyncio.sleep(_POLL_SECONDS)
                continue
            message = await subscribed.get_message(timeout=_POLL_SECONDS)
            if message is not None and message["type"] == "message":
                take(message["data"])


def _channel_prefix() -> str:
    # Channels are the same in all databases of a server.
    return connections.key_of("live", str(connections.database()), "")
