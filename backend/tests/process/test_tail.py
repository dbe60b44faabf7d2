"""Live tail of a really started service: what is sent is seen, by whom it belongs to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.logs.tail import MAX_TAILS_EACH
from tests.process.service import Service, Tenant, report
from tests.redis_server import RedisServer

SEEN_SECONDS = 180.0
TAIL = "/api/v1/logs/tail/"


class Watcher(threading.Thread):
    """Reads a tail line by line, as a browser would."""

    def __init__(self, tenant: Tenant, q: str = "", *, seconds_between: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.events: list[tuple[str, Any]] = []
        self.status = 0
        self.trouble: Exception | None = None
        self._tenant = tenant
        self._q = q
        self._seconds_between = seconds_between
        self._stopping = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with (
                self._tenant.client(seconds=SEEN_SECONDS) as client,
                client.stream("GET", TAIL, params={"q": self._q}) as answer,
            ):
                self.status = answer.status_code
                self._read(answer.iter_lines())
        except httpx.HTTPError as trouble:
            self.trouble = trouble

    def _read(self, lines: Iterator[str]) -> None:
        name = ""
        for line in lines:
            if self._stopping.is_set():
                return
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                self.events.append((name, json.loads(line[6:])))
                time.sleep(self._seconds_between)

    def stop(self) -> None:
        self._stopping.set()

    def messages(self) -> list[str]:
        return [value["message"] for name, value in list(self.events) if name == "log"]

    def dropped(self) -> int:
        return sum(value["count"] for name, value in list(self.events) if name == "dropped")


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + SEEN_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def send(tenant: Tenant, *messages: str) -> None:
    lines = [json.dumps({"message": message, "level": "error"}).encode() for message in messages]
    with tenant.client() as client:
        assert client.post("/api/v1/logs/", content=b"\n".join(lines)).status_code == 202


def begin(tenant: Tenant, *watchers: Watcher) -> None:
    """Sends until all of them see something: from then on they see everything."""
    deadline = time.monotonic() + SEEN_SECONDS
    while not all(watcher.messages() for watcher in watchers):
        assert time.monotonic() < deadline, [watcher.events for watcher in watchers]
        send(tenant, "begin")
        time.sleep(0.5)


@pytest.fixture(params=["embedded", "redis"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    environment = {}
    if request.param == "redis":
        redis: RedisServer = request.getfixturevalue("own_redis")
        environment = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
    service = Service(tmp_path / "data", **environment)
    try:
        service.start()
        yield service
    finally:
        service.close()
        report("\n".join(service.said))


def test_records_are_seen_by_their_organisation_as_they_are_stored(running: Service) -> None:
    acme, globex = running.join("Acme"), running.join("Globex")
    all_of_it, some, charlie = (
        Watcher(acme),
        Watcher(acme, "level:error AND begin OR right"),
        Watcher(globex),
    )
    begin(acme, all_of_it, some)
    wait_until(lambda: charlie.events)
    sent = [f"{number} {'right' if number % 3 == 0 else 'wrong'}" for number in range(300)]
    began = time.monotonic()
    for start in range(0, 300, 20):
        send(acme, *sent[start : start + 20])
    wait_until(lambda: sent[-1] in all_of_it.messages())
    report(f"seen {time.monotonic() - began:.1f} s after the first of 300 was sent")
    wait_until(lambda: sent[297] in some.messages())
    assert [one for one in all_of_it.messages() if one != "begin"] == sent
    assert [one for one in some.messages() if one != "begin"] == sent[::3]
    assert charlie.messages() == []
    assert {name for name, _ in charlie.events} == {"heartbeat"}
    assert (all_of_it.dropped(), some.dropped()) == (0, 0)
    # The shipper begins anew, and those who watch find it.
    shipper = running.parts()["shipper"]
    shipper.kill()
    running.wait_for_part("shipper", other_than=shipper.pid, seconds=SEEN_SECONDS)
    deadline = time.monotonic() + SEEN_SECONDS
    while "after" not in all_of_it.messages():
        assert time.monotonic() < deadline
        send(acme, "after")
        time.sleep(0.5)
    assert running.stop() < 10
    wait_until(lambda: not all_of_it.is_alive())
    assert all_of_it.events[-1] == ("end", {"code": "shutting_down"})
    assert "Traceback" not in "\n".join(running.said)


def test_a_watcher_who_reads_slowly_is_told_what_was_left_out_and_holds_nobody_up(
    running: Service,
) -> None:
    acme = running.join("Acme")
    slow = Watcher(acme, seconds_between=0.01)
    begin(acme, slow)
    large = "x" * 5_000
    for number in range(60):
        send(acme, *(f"{number} {one} {large}" for one in range(200)))
    wait_until(lambda: slow.dropped() > 0)
    with acme.client() as client:
        # Long before it has read what waits for it.
        shown = len(slow.events)
        assert client.get("/health/live/").status_code == 200
        assert len(slow.events) - shown < 3_000
    acme.send([b'{"message":"the end"}'])
    slow.stop()
    report(f"{len(slow.messages())} shown, {slow.dropped()} dropped of 12,000")


def test_a_tail_refuses_what_cannot_be_asked_and_who_may_not(running: Service) -> None:
    acme = running.join("Acme")
    with acme.client() as client:
        wrong = client.get(TAIL, params={"q": "status:[500 TO"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "query_syntax")
        assert client.head(TAIL).headers["content-type"].startswith("text/event-stream")
    assert httpx.get(f"{running.url}{TAIL}", timeout=60).status_code == 401


def test_places_are_bounded_and_given_back_by_whoever_leaves(running: Service) -> None:
    acme = running.join("Acme")
    with acme.client() as client:
        with client.stream("GET", TAIL) as answer:
            assert next(answer.iter_lines()) == "retry: 2000"
        # Of those who left, the service may hear a moment later.
        for _ in range(MAX_TAILS_EACH + 5):
            with ExitStack() as one:
                wait_until(lambda one=one: stays_open(client, one))
        with ExitStack() as stack:
            for _ in range(MAX_TAILS_EACH):
                wait_until(lambda: stays_open(client, stack))
            with client.stream("GET", TAIL) as refused:
                assert refused.status_code == 429
                assert int(refused.headers["retry-after"]) > 0
                refused.read()
            assert refused.json()["code"] == "too_many_tails"
        with ExitStack() as again:
            wait_until(lambda: stays_open(client, again))


def stays_open(client: httpx.Client, opened: ExitStack) -> bool:
    """Whether another tail could be opened, which is open as long as `opened`."""
    with ExitStack() as trying:
        answer = trying.enter_context(client.stream("GET", TAIL))
        if answer.status_code == 429:
            return False
        assert answer.status_code == 200
        opened.push(trying.pop_all())
        return True
