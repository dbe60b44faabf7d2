"""Signs of life of background jobs, where every process sees them.

In Redis, by its own clock; without Redis in files under RUN_DIR, for the processes of one machine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from django.conf import settings

from app.core import redis as connections
from app.core.clock import SYSTEM_CLOCK

_NS_PER_SECOND = 1_000_000_000
_US_PER_SECOND = 1_000_000
_NOTE = "return redis.call('HSET', KEYS[1], ARGV[1], table.concat(redis.call('TIME'), '.'))"


class Pulse(StrEnum):
    """Who lives."""

    BEAT = "beat"  # it sends jobs
    WORKER = "worker"  # the process runs
    JOB = "job"  # a job was carried out


def note_pulse(pulse: Pulse) -> None:
    """It lives now; `Unavailable` when nobody can be told."""
    if connections.is_on():
        with connections.answering():
            connections.client().eval(_NOTE, 1, connections.key_of("pulse"), pulse.value)
        return
    _write(_path_of(pulse), SYSTEM_CLOCK.now_ns())


def silent_seconds() -> Mapping[Pulse, float]:
    """For how long nothing was heard of each; who was never heard is missing. A clock that was set
    back makes nobody live: a time ahead counts like one as long ago, until it is noted again."""
    if connections.is_on():
        return _of_redis()
    now_ns = SYSTEM_CLOCK.now_ns()
    noted = {pulse: _read(_path_of(pulse)) for pulse in Pulse}
    return {
        pulse: abs(now_ns - then_ns) / _NS_PER_SECOND
        for pulse, then_ns in noted.items()
        if then_ns is not None
    }


def _of_redis() -> Mapping[Pulse, float]:
    with connections.answering():
        pipeline = connections.client().pipeline(transaction=False)
        pipeline.time()
        pipeline.hgetall(connections.key_of("pulse"))
        (seconds, microseconds), noted = pipeline.execute()
    now = seconds + microseconds / _US_PER_SECOND
    found = {}
    for pulse in Pulse:
        then = noted.get(pulse.value.encode())
        if then is not None:
            whole, _, rest = then.partition(b".")
            found[pulse] = abs(now - int(whole) - int(rest) / _US_PER_SECOND)
    return found


def _path_of(pulse: Pulse) -> Path:
    return Path(settings.RUN_DIR) / f"pulse-{pulse.value}"


def _write(path: Path, now_ns: int) -> None:
    # A reader sees the old time or the new one, never a part.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{now_ns}\n")
    Path(temporary).replace(path)


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
