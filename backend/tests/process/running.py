"""A process in a session of its own, with all its children, and what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[2]
# Nothing is heard sooner by waiting for a shorter time, and machines can be busy.
HEAR_SECONDS = 120.0
_END_SECONDS = 30.0


class Running:
    """One that may be ended and started again; what it said before is kept."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._unheard: list[str] = []
        self._speech = threading.Condition()
        self._reader: threading.Thread | None = None

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Runs Python with these, not waiting for anything; what an earlier one said and nobody
        heard is no longer heard."""
        with self._speech:
            self._unheard.clear()
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=BACKEND,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def told(self) -> str:
        """Everything it said."""
        return "\n".join(self.said)

    def hear(self, words: str, seconds: float = HEAR_SECONDS) -> str:
        """The first line not heard yet in which this expression is found, in whatever order its
        parts speak; `AssertionError` with all that was said if there is none."""
        deadline = time.monotonic() + seconds
        with self._speech:
            while True:
                line = next((line for line in self._unheard if re.search(words, line)), None)
                if line is not None:
                    self._unheard.remove(line)
                    return line
                left = deadline - time.monotonic()
                # Of one that has ended the reader still reads what it said last.
                if left <= 0 or not (self._reader and self._reader.is_alive()):
                    break
                self._speech.wait(min(left, 0.1))
        raise AssertionError(f"{words!r} was not said in {seconds} s:\n{self.told}")

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """The signal goes to it alone, not to its children."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its status, once it has ended."""
        assert self.process is not None
        status = self.process.wait(seconds)
        assert self._reader is not None
        self._reader.join(_END_SECONDS)
        return status

    def kill(self) -> None:
        """`kill -9` of it and all its children at once."""
        os.killpg(self.pid, signal.SIGKILL)
        self.wait(_END_SECONDS)

    def close(self) -> None:
        """Ends whatever still runs, also children that outlived it."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait(_END_SECONDS)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self._speech:
                    self.said.append(line.rstrip())
                    self._unheard.append(line.rstrip())
                    self._speech.notify_all()
