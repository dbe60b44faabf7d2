"""The bus of this process, chosen by the settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

from django.conf import settings

from app.core import redis as connections
from app.live.hub import LiveHub, Source
from app.live.publishing import LiveObserver, Publisher
from app.live.pubsub import RedisPublisher, RedisSource
from app.live.sockets import SocketPublisher, SocketSource


def live_observer() -> LiveObserver:
    """For SHIPPER_OBSERVERS: puts what was committed on the bus."""
    publisher: Publisher
    publisher = RedisPublisher() if connections.is_on() else SocketPublisher(_directory())
    return LiveObserver(publisher)


class _Here:
    """What listens in this process, and on which event loop."""

    loop: asyncio.AbstractEventLoop | None = None
    hub: LiveHub | None = None


def hub() -> LiveHub:
    """The one of the running event loop, made on the first call."""
    loop = asyncio.get_running_loop()
    if _Here.hub is None or _Here.loop is not loop:
        _Here.loop, _Here.hub = loop, _open_hub()
    return _Here.hub


def _open_hub() -> LiveHub:
    source: Source = RedisSource() if connections.is_on() else SocketSource(_directory())
    return LiveHub(source)


def _directory() -> Path:
    return Path(settings.RUN_DIR) / "live"
