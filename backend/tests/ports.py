"""Ports for servers that are stopped and started again."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

_TRIES = 50
_BELOW = 10_000


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to nobody else while its server is
    down: it lies below those that are handed out to whoever connects."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.SystemRandom().sample(range(first_given - _BELOW, first_given), _TRIES):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
