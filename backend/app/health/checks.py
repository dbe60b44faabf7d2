"""Asking every part how it is, each for a bounded time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import ElkError

log = structlog.get_logger(__name__)


class Status(StrEnum):
    """How a part is."""

    UP = "up"
    DEGRADED = "degraded"  # it works, but somebody should look
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Report:
    """What a part says of itself; `facts` are shown beside its status."""

    status: Status
    facts: Mapping[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        return {"status": self.status.value, **self.facts}


Check = Callable[[], Report]


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is asked. Without a `needed` one this process can answer nobody; without an
    `essential` one the service as a whole is not healthy."""

    check: Check
    is_needed: bool = False
    is_essential: bool = True


class Watch:
    """The parts of this process. A check that hangs is answered as down, and is not asked again
    until it came back: so that hanging ones never take more than one thread each."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._threads = ThreadPoolExecutor(max(1, len(parts)), thread_name_prefix="health")
        self._running: dict[str, Future[Report]] = {}
        self._lock = threading.Lock()

    def ask(self) -> dict[str, Report]:
        """A report of every part, all asked at the same time."""
        with self._lock:
            for name, part in self._parts.items():
                running = self._running.get(name)
                if running is None or running.done():
                    self._running[name] = self._threads.submit(_guarded, name, part.check)
            asked = dict(self._running)
        # One time for all of them: several that hang take no longer than one.
        until = SYSTEM_CLOCK.monotonic() + settings.HEALTH_CHECK_TIMEOUT
        return {name: _wait_for(name, future, until) for name, future in asked.items()}

    def is_ready(self, reports: Mapping[str, Report]) -> bool:
        """Whether this process can answer requests."""
        return not any(
            reports[name].status is Status.DOWN
            for name, part in self._parts.items()
            if part.is_needed
        )

    def is_healthy(self, reports: Mapping[str, Report]) -> bool:
        """Whether the service does what it is for."""
        return not any(
            reports[name].status is Status.DOWN
            for name, part in self._parts.items()
            if part.is_essential
        )


def _guarded(name: str, check: Check) -> Report:
    try:
        return check()
    except ElkError as error:
        return Report(Status.DOWN, {"detail": error.detail})
    except Exception:
        # Whatever it was: this part does not work, and the log says why.
        log.exception("health_check_failed", part=name)
        return Report(Status.DOWN, {"detail": "the check failed, see the log"})


def _wait_for(name: str, future: Future[Report], until: float) -> Report:
    try:
        return future.result(timeout=max(0.0, until - SYSTEM_CLOCK.monotonic()))
    except TimeoutError:
        log.warning("health_check_timed_out", part=name)
        return Report(Status.DOWN, {"detail": f"no answer in {settings.HEALTH_CHECK_TIMEOUT:g} s"})
