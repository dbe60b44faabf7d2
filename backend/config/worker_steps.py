"""What our workers and our beat do besides Celery's own: they show that they live."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps
from celery.beat import EmbeddedService, Scheduler
from typing_extensions import override

from app.core.errors import Unavailable
from app.core.pulses import Pulse, note_pulse

log = structlog.get_logger(__name__)

SCHEDULER = "config.worker_steps:PulsingScheduler"
PULSE_SECONDS = 10
BEAT_WATCH_SECONDS = 5.0


class PulsingScheduler(Scheduler):
    """Celery's scheduler in memory (no file that a crash could break), which notes its pulse while
    it goes round, from where it sends: one that hangs is silent."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # It wakes up so often even when there is nothing to send.
        self.max_interval = PULSE_SECONDS // 2
        self._noted_at = float("-inf")

    @override
    def tick(self, *arguments: Any, **named: Any) -> Any:
        self._follow_a_clock_set_back()
        seconds = super().tick(*arguments, **named)
        if time.monotonic() - self._noted_at >= PULSE_SECONDS:
            self._noted_at = time.monotonic()
            note(Pulse.BEAT)
        return seconds

    def _follow_a_clock_set_back(self) -> None:
        """Celery would send nothing until the clock is where it was."""
        entries: list[Any] = list(self.schedule.values())
        ahead = [entry for entry in entries if entry.last_run_at > entry.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            # It is worked out anew from these.
            self._heap = None


class WorkerPulse(bootsteps.StartStopStep):
    """Notes the worker's pulse from its main process, in a thread."""

    label = "Pulse"
    # After the first processes were forked: they need no copy of the thread's locks.
    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **arguments: Any) -> None:
        self._stopping = threading.Event()
        super().__init__(parent, **arguments)

    @override
    def start(self, parent: Any) -> None:
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    @override
    def stop(self, _parent: Any) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while True:
            note(Pulse.WORKER)
            if self._stopping.wait(PULSE_SECONDS):
                return


class BeatInside(bootsteps.StartStopStep):
    """Runs beat in the worker's process while EMBEDDED_BEAT is set; ends the worker if beat ends."""

    label = "Beat inside"
    conditional = True

    def __init__(self, parent: Any, **arguments: Any) -> None:
        self.enabled = os.environ.get("EMBEDDED_BEAT") == "1"
        self._service: Any = None
        self._stopping = threading.Event()
        super().__init__(parent, **arguments)

    @override
    def start(self, parent: Any) -> None:
        self._service = EmbeddedService(parent.app, thread=True, scheduler_cls=SCHEDULER)
        self._service.daemon = True
        self._service.start()
        threading.Thread(
            target=_watch, args=(self._service.is_alive, self._stopping), daemon=True
        ).start()

    @override
    def stop(self, _parent: Any) -> None:
        self._stopping.set()
        if self._service is not None:
            # Not waiting as the thread's own `stop` does: it sleeps for seconds between two looks.
            self._service.service.stop()


def note(pulse: Pulse) -> None:
    """Notes a pulse; that it cannot be noted must not end whom it is about."""
    try:
        note_pulse(pulse)
    except (Unavailable, OSError) as error:
        log.warning("pulse_not_noted", pulse=pulse.value, detail=str(error))


def _watch(is_alive: Callable[[], bool], stopping: threading.Event) -> None:
    while not stopping.wait(BEAT_WATCH_SECONDS):
        if not is_alive():
            os.kill(os.getpid(), signal.SIGTERM)
            return
