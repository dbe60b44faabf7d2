"""Single programs of ours, started as an orchestrator starts them: one command, one environment."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.process.service import BACKEND

START_SECONDS = 60.0
# What orchestrators give a process before they kill it.
STOP_SECONDS = 30.0
GUNICORN = ("-m", "gunicorn", "-c", "python:config.gunicorn_config")
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SERVICES_DIR")


def environment_of(data_dir: Path, **more: str) -> dict[str, str]:
    """Nothing of this process but what is needed to run at all."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "DATA_DIR": str(data_dir), "REGISTRATION_RATE": "100000/hour", **more}


class Program:
    """One running command, and what it says."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.arguments = list(arguments)
        self.environment = dict(environment)
        self.said: list[str] = []
        self._heard: queue.Queue[str] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Starts it, not waiting for anything."""
        self._process = subprocess.Popen(
            [sys.executable, *self.arguments],
            cwd=BACKEND,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def hear(self, words: str, seconds: float = START_SECONDS) -> str:
        """The next line with these words."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._heard.get(timeout=min(left, 0.1))
            except queue.Empty:
                if not self.is_running():
                    break
                continue
            if words in line:
                return line
        raise AssertionError(f"{words!r} was not said in {seconds} s:\n{self.told}")

    @property
    def told(self) -> str:
        """Everything it said."""
        return "\n".join(self.said)

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Its status, once it has ended."""
        assert self._process is not None
        status = self._process.wait(seconds)
        self._join()
        return status

    def stop(self) -> float:
        """Ends it in good order; how many seconds that took."""
        before = time.monotonic()
        self.ask_to_stop()
        status = self.wait(STOP_SECONDS + 5)
        assert status == 0, f"status {status}:\n{self.told}"
        return time.monotonic() - before

    def kill(self) -> None:
        """`kill -9` of it and all its children."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._join()

    def close(self) -> None:
        """Ends whatever still runs."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._join()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.said.append(line.rstrip())
                self._heard.put(line.rstrip())

    def _join(self) -> None:
        if self._reader is not None:
            self._reader.join(STOP_SECONDS)


class WebProgram(Program):
    """One that answers HTTP on a port of its own."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(arguments, {"HOST": "127.0.0.1", **environment, "PORT": str(self.port)})

    def wait_until_answering(self, seconds: float = START_SECONDS) -> None:
        """Until it says that it lives."""
        wait_until(lambda: answers(self.url), seconds, lambda: self.told)


def answers(url: str, path: str = "/health/live/") -> bool:
    """Whether a path answers 200."""
    try:
        return httpx.get(f"{url}{path}", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(
    is_so: Callable[[], bool], seconds: float, told: Callable[[], str] = lambda: ""
) -> float:
    """How many seconds it took; `AssertionError` when it does not come."""
    before = time.monotonic()
    while not is_so():
        assert time.monotonic() - before < seconds, f"not so after {seconds} s\n{told()}"
        time.sleep(0.05)
    return time.monotonic() - before


def manage(environment: Mapping[str, str], *arguments: str, seconds: float = 120.0) -> str:
    """What a management command printed; it must succeed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BACKEND,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
