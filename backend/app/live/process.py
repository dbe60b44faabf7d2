"""The bus of this process, chosen by the settings."""

from __future__ import annotations

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


def open_hub() -> LiveHub:
    """For the event loop that will listen."""
    source: Source = RedisSource() if connections.is_on() else SocketSource(_directory())
    return LiveHub(source)


def _directory() -> Path:
    return Path(settings.RUN_DIR) / "live"
