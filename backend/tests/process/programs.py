"""Single programs of ours, started as an orchestrator starts them: one command, one environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
from typing_extensions import override

from tests.ports import free_port
from tests.process.running import BACKEND, Running
from tests.process.standstill import Standstill

START_SECONDS = 180.0
# What orchestrators give a process before they kill it.
STOP_SECONDS = 30.0
GUNICORN = ("-m", "gunicorn", "-c", "python:config.gunicorn_config")
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SERVICES_DIR")


def environment_of(data_dir: Path, **more: str) -> dict[str, str]:
    """Nothing of this process but what is needed to run at all."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "DATA_DIR": str(data_dir), "REGISTRATION_RATE": "100000/hour", **more}


class Program(Running):
    """One command, and what it says."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__()
        self.arguments = list(arguments)
        self.environment = dict(environment)

    def start(self) -> None:
        """Starts it, not waiting for anything."""
        self.launch(self.arguments, self.environment)

    @override
    def hear(self, words: str, seconds: float = START_SECONDS) -> str:
        return super().hear(words, seconds)

    @override
    def wait(self, seconds: float = START_SECONDS) -> int:
        return super().wait(seconds)

    def stop(self) -> float:
        """Ends it in good order; how many seconds that took."""
        with Standstill() as standstill:
            before = time.monotonic()
            self.ask_to_stop()
            status = self.wait()
            took = time.monotonic() - before
        assert status == 0, f"status {status}:\n{self.told}"
        return took - standstill.seconds


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
        return httpx.get(f"{url}{path}", timeout=20).status_code == 200
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


def manage(environment: Mapping[str, str], *arguments: str, seconds: float = 300.0) -> str:
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
