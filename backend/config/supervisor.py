"""Keeps a group of processes running until it is told to stop, and then stops all of them.

Decisions are functions of values; `Supervisor` only starts, waits, reaps and signals. A child stays
in the supervisor's session and process group, and dies with it (see `config.child`).
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType

from app.core.clock import Clock
from config.child import BLOCKED
from config.spawn import spawn

FIRST_DELAY_SECONDS = 0.05
# A child that ended in good order was asked to: the same signal is probably on its way to us.
ORDERLY_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
# A child that lived longer died of something else than its start: it is restarted at once again.
STEADY_SECONDS = 3.0
# Together they stay under the ten seconds in which everything has ended.
GRACE_SECONDS = 8.0
KILLED_SECONDS = 1.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ORDERLY = (0, *(-number for number in _STOP_SIGNALS))


@dataclass(frozen=True, slots=True)
class Part:
    """One program of the group: `command` is a module or a file.py with its arguments."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[int, ...] = ()  # file descriptors
    delay_seconds: float = 0.0  # at the first start, to leave the cores to the others


@dataclass(slots=True)
class Child:
    """What became of a part so far. `due_at` is when it is to be started, while it is not running."""

    part: Part
    pid: int | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    quick_deaths: int = 0


def restart_delay_seconds(quick_deaths: int, *, returncode: int) -> float:
    """How long to wait before the next start, after so many deaths in a row soon after a start."""
    doublings = min(max(quick_deaths - 2, 0), 20)
    delay = min(FIRST_DELAY_SECONDS * 2.0**doublings, LONGEST_DELAY_SECONDS)
    return max(delay, ORDERLY_DELAY_SECONDS) if returncode in _ORDERLY else delay


def count_quick_deaths(before: int, *, lived_seconds: float) -> int:
    """The new length of the row."""
    return before + 1 if lived_seconds < STEADY_SECONDS else 0


def describe_end(returncode: int) -> str:
    """How a process ended, in words."""
    if returncode >= 0:
        return f"ended with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was ended by {name}"


class Supervisor:
    """Runs the parts. `say` tells the operator one sentence; `inherited` goes to every child."""

    def __init__(
        self,
        parts: tuple[Part, ...],
        *,
        say: Callable[[str], None],
        clock: Clock,
        inherited: tuple[int, ...] = (),
    ) -> None:
        now = clock.monotonic()
        self._children = [Child(part, due_at=now + part.delay_seconds) for part in parts]
        self._say = say
        self._clock = clock
        self._inherited = inherited
        self._stop_signal: int | None = None

    def run(self) -> None:
        """Returns when a signal asked for the end and every child has ended."""
        lifeline, held = os.pipe()
        awake, wake = socket.socketpair()
        awake.settimeout(0)
        wake.settimeout(0)
        before = {number: signal.signal(number, self._note_stop) for number in _STOP_SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _note_nothing)
        before_fd = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            while self._stop_signal is None:
                self._start_due(lifeline)
                _sleep(awake, self._seconds_to_next_start())
                self._reap()
            self._say(f"stopping on {signal.Signals(self._stop_signal).name}")
            self._stop(awake)
        finally:
            signal.set_wakeup_fd(before_fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in (lifeline, held):
                os.close(end)
            awake.close()
            wake.close()

    def pids(self) -> dict[str, int]:
        """The process ids of the parts that run."""
        return {child.part.name: child.pid for child in self._children if child.pid is not None}

    def _note_stop(self, number: int, _frame: FrameType | None) -> None:
        self._stop_signal = self._stop_signal or number

    def _start_due(self, lifeline: int) -> None:
        now = self._clock.monotonic()
        for child in self._children:
            # Nobody is started any more once the end has begun: look again before each.
            if child.pid is None and child.due_at <= now and self._stop_signal is None:
                self._start(child, lifeline)

    def _start(self, child: Child, lifeline: int) -> None:
        part = child.part
        child.pid = spawn(
            ("-m", "config.child", str(lifeline), *part.command),
            environment=part.environment,
            inherited=(lifeline, *self._inherited, *part.inherited),
            blocked=BLOCKED,
        )
        child.started_at = self._clock.monotonic()

    def _seconds_to_next_start(self) -> float | None:
        due = [child.due_at for child in self._children if child.pid is None]
        return max(min(due) - self._clock.monotonic(), 0.0) if due else None

    def _reap(self) -> None:
        for child in self._children:
            if child.pid is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            child.pid = None
            returncode = os.waitstatus_to_exitcode(status)
            if self._stop_signal is not None:
                continue
            now = self._clock.monotonic()
            child.quick_deaths = count_quick_deaths(
                child.quick_deaths, lived_seconds=now - child.started_at
            )
            delay = restart_delay_seconds(child.quick_deaths, returncode=returncode)
            child.due_at = now + delay
            self._say(f"{child.part.name} {describe_end(returncode)}, starts again in {delay:g} s")

    def _stop(self, awake: socket.socket) -> None:
        self._signal_all(signal.SIGTERM)
        self._wait_for_all(awake, GRACE_SECONDS)
        left = self.pids()
        if left:
            self._say(f"killed after {GRACE_SECONDS:g} s: {', '.join(left)}")
            self._signal_all(signal.SIGKILL)
            self._wait_for_all(awake, KILLED_SECONDS)

    def _signal_all(self, number: int) -> None:
        for child in self._children:
            if child.pid is not None:
                os.kill(child.pid, number)

    def _wait_for_all(self, awake: socket.socket, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        self._reap()
        while self.pids() and (left := deadline - self._clock.monotonic()) > 0:
            _sleep(awake, left)
            self._reap()


def _note_nothing(_number: int, _frame: FrameType | None) -> None:
    """Having a handler at all makes the signal write to the wake-up descriptor."""


def _sleep(awake: socket.socket, seconds: float | None) -> None:
    """Until a signal arrives or the time is over."""
    readable, _, _ = select.select([awake], [], [], seconds)
    if readable:
        awake.recv(4096)
