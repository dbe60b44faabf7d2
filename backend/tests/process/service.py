"""A really started service, over a directory of its own, and people who use it over HTTP."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.ports import free_port
from tests.process.running import Running
from tests.process.standstill import Standstill
from tests.services import VARIABLES

START_SECONDS = 180.0
STOP_SECONDS = 10.0
# However busy the machine is.
FOUND_SECONDS = 180.0
PASSWORD = "correct horse battery staple"
# What each part's command line contains.
PARTS = {"web": "config.serve", "shipper": "shipper", "worker": "config worker"}
_OWN = {"DATA_DIR", "DJANGO_SETTINGS_MODULE", "ENVIRONMENT", "PORT", "HOST", "DEMO"}
# A service is on the embedded default unless its test says otherwise.
_NOT_INHERITED = _OWN | VARIABLES


def report(sentence: str) -> None:
    """One line for whoever reads the test's output: seeds, times, counts."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


class Service(Running):
    """`make run` without make: the supervisor, its parts, and what they say."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        super().__init__()
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "REGISTRATION_RATE": "100000/hour",
            "REDIS_KEY_PREFIX": f"elkv-test-{self.port}",
            **environment,
        }

    def start(self) -> float:
        """Waits until it listens; how many seconds that took."""
        before = time.monotonic()
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        own = {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), **self.environment}
        self.launch(("-m", "config.run"), {**kept, **own})
        self.hear("listening on", START_SECONDS)
        return time.monotonic() - before

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(self.pid)

    def parts(self) -> dict[str, psutil.Process]:
        """The running parts by name."""
        found = {}
        for child in self.supervisor.children():
            try:
                command = " ".join(child.cmdline())
            except psutil.Error:
                continue
            found.update({name: child for name, mark in PARTS.items() if mark in command})
        return found

    def wait_for_part(self, name: str, *, other_than: int, seconds: float) -> float:
        """How long until the part runs as another process."""
        before = time.monotonic()
        while time.monotonic() - before < seconds:
            part = self.parts().get(name)
            if part is not None and part.pid != other_than:
                return time.monotonic() - before
            time.sleep(0.01)
        raise AssertionError(f"{name} is not back after {seconds} s:\n{self.told}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Asks the supervisor to end; how many seconds that took. The status must be 0."""
        with Standstill() as standstill:
            before = time.monotonic()
            self.ask_to_stop(number)
            status = self.wait(FOUND_SECONDS)
            took = time.monotonic() - before
        assert status == 0, self.told
        return took - standstill.seconds

    def join(self, organisation: str) -> Tenant:
        """A new person with an organisation, and a key of it."""
        return join(self.url, organisation)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Somebody with a key: sends and searches."""

    url: str
    key: str
    access: str

    def client(self, seconds: float = 60.0) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, timeout=seconds, headers={"Authorization": f"ApiKey {self.key}"}
        )

    def send(
        self,
        lines: list[bytes],
        *,
        content_type: str = "application/x-ndjson",
        seconds: float = FOUND_SECONDS,
    ) -> Any:
        """Waits until the records are found, also where the service itself waits for a shorter time;
        what it answered."""
        deadline = time.monotonic() + seconds
        with self.client() as client:
            answer = client.post(
                "/api/v1/logs/?wait_for=indexed",
                content=b"\n".join(lines),
                headers={"Content-Type": content_type},
            )
            assert answer.status_code == 202, answer.text
            told = answer.json()
            while not told["indexed"]:
                assert time.monotonic() < deadline, "the shipper does not get through"
                shipper = client.get("/health/").json()["checks"]["shipper"]
                told["indexed"] = shipper.get("lag_entries") == 0
                time.sleep(0.1)
        return told

    def wait_until_indexed(self, seconds: float = FOUND_SECONDS) -> None:
        """Everything acknowledged before is found afterwards."""
        self.send([b'{"message":"the last one"}'], seconds=seconds)

    def search(self, client: httpx.Client, q: str = "", **parameters: Any) -> Any:
        """The answer of one search over all times unless told otherwise."""
        asked = {"q": q, "from": "1970-01-01T00:00:00Z", "to": "2262-01-01T00:00:00Z"}
        answer = client.get("/api/v1/logs/search/", params={**asked, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def count(self, q: str = "") -> int:
        with self.client() as client:
            found = self.search(client, q, page_size=1)["total"]
        assert found["relation"] == "eq"
        value: int = found["value"]
        return value

    def pages(self, q: str = "", **parameters: Any) -> Iterator[list[dict[str, Any]]]:
        """All pages of a search, one after the other."""
        with self.client() as client:
            told = self.search(client, q, page_size=1_000, **parameters)
            while True:
                yield told["hits"]
                if told["next_cursor"] is None:
                    return
                told = self.search(client, q, page_size=1_000, cursor=told["next_cursor"])


def join(url: str, organisation: str) -> Tenant:
    """A new person with an organisation, and a key of it."""
    name = re.sub(r"[^a-z0-9]", "", organisation.lower())
    with httpx.Client(base_url=url, timeout=60) as client:
        made = client.post(
            "/api/v1/users/register/",
            json={
                "username": name,
                "email": f"{name}@example.com",
                "password": PASSWORD,
                "password2": PASSWORD,
                "first_name": "A",
                "last_name": "B",
                "organisation": organisation,
            },
        )
        assert made.status_code == 201, made.text
        tokens = client.post(
            "/api/auth/login/", json={"username": name, "password": PASSWORD}
        ).json()
        key = client.post(
            "/api/v1/api-keys/",
            json={"name": "test", "scopes": ["ingest", "search"]},
            headers={"Authorization": f"Bearer {tokens['access']}"},
        )
        assert key.status_code == 201, key.text
    return Tenant(url, key.json()["key"], tokens["access"])
