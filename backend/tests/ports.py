"""Ports for servers that are stopped and started again."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

_BELOW = 10_000
_FIRST_UNPRIVILEGED = 1_024
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that nobody else gets while its server is down: it lies
    below those that the system hands out to whoever connects, and this process has it to itself among
    all that run tests on this machine, until it ends."""
    first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = range(max(first_handed_out - _BELOW, _FIRST_UNPRIVILEGED), first_handed_out)
    # Where others hardly ever begin.
    start = random.SystemRandom().randrange(len(ports))
    for port in (*ports[start:], *ports[:start]):
        if _is_ours(port) and _is_free(port):
            return port
    raise AssertionError("no port is free")


def _is_ours(port: int) -> bool:
    """Whether it was given to nobody, and now is to this process."""
    if port in _given:
        return False
    try:
        # One byte of a file for each port; the system lets go of it when this process ends.
        fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _given.add(port)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as free, suppress(OSError):
        free.bind(("127.0.0.1", port))
        return True
    return False


@cache
def _file() -> int:
    """Closing it would let go of all: it stays open, and children do not inherit it."""
    path = Path(tempfile.gettempdir()) / f"elkv-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
