"""Each process ends within thirty seconds of SIGTERM, in the middle of work, and loses none of it."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from tests.process.programs import (
    GUNICORN,
    START_SECONDS,
    STOP_SECONDS,
    Program,
    WebProgram,
    answers,
    environment_of,
    manage,
    wait_until,
)
from tests.process.senders import Sender, Senders, marks
from tests.process.service import Tenant, join, report

DELAY_SECONDS = 1
# In which a test looks at a process that is about to end, on however busy a machine.
LONG_DELAY_SECONDS = 10


class Group:
    """API, intake and shipper over one directory, each to be ended by itself."""

    def __init__(self, data_dir: Path, *, delay_seconds: int) -> None:
        self.environment = environment_of(
            data_dir, SHUTDOWN_DELAY_SECONDS=str(delay_seconds), WEB_CONCURRENCY="2"
        )
        self.api = WebProgram(GUNICORN, {**self.environment, "WEB_PARTS": "api"})
        self.ingest = WebProgram(("manage.py", "ingest"), self.environment)
        self.shipper = self.another_shipper()
        self.started: list[Program] = []

    def start(self) -> Tenant:
        """Somebody with a key who sends to the intake."""
        manage(self.environment, "migrate", "--verbosity", "0")
        for program in (self.api, self.ingest, self.shipper):
            self.run(program)
        self.api.wait_until_answering()
        self.ingest.wait_until_answering()
        self.person = join(self.api.url, "Acme")
        return Tenant(self.ingest.url, self.person.key, "")

    def run(self, program: Program) -> None:
        self.started.append(program)
        program.start()

    def another_shipper(self, *options: str) -> Program:
        return Program(("manage.py", "shipper", *options), self.environment)

    def close(self) -> None:
        for program in self.started:
            program.close()
            report(program.told[-1500:])

    def marks(self) -> Counter[str]:
        """How often each mark is found."""
        return marks(self.person)


@pytest.fixture
def group(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Group]:
    group = Group(tmp_path / "data", delay_seconds=getattr(request, "param", DELAY_SECONDS))
    try:
        yield group
    finally:
        group.close()


ends_slowly = pytest.mark.parametrize("group", [LONG_DELAY_SECONDS], indirect=True)


@ends_slowly
def test_an_intake_that_ends_answers_what_runs_and_is_not_ready_first(group: Group) -> None:
    tenant = group.start()
    senders = Senders(tenant, "s0", "s1", "s2", seed=0)
    senders.wait_for(0)
    # A request of which half has come when the end begins.
    half = http.client.HTTPConnection("127.0.0.1", group.ingest.port, timeout=60)
    body = orjson.dumps({"message": "cut in half", "mark": "half"})
    half.putrequest("POST", "/api/v1/logs/")
    half.putheader("Authorization", f"ApiKey {tenant.key}")
    half.putheader("Content-Length", str(len(body)))
    half.endheaders(body[:10])
    time.sleep(0.2)
    began = time.monotonic()
    group.ingest.ask_to_stop()
    unready = wait_until(lambda: not answers(group.ingest.url, "/health/ready/"), STOP_SECONDS)
    assert answers(group.ingest.url, "/health/live/")
    time.sleep(max(0.0, began + LONG_DELAY_SECONDS + 0.5 - time.monotonic()))
    half.send(body[10:])
    answer = half.getresponse()
    assert (answer.status, orjson.loads(answer.read())["accepted"]) == (202, 1)
    assert answer.headers["connection"] == "close"
    assert group.ingest.wait() == 0
    took = time.monotonic() - began
    report(f"not ready after {unready:.2f} s, ended after {took:.2f} s")
    assert took < STOP_SECONDS
    # Started again, it goes on where it ended.
    group.run(group.ingest)
    group.ingest.wait_until_answering()
    senders.wait_for(200)
    senders.end()
    tenant.wait_until_indexed()
    found = group.marks()
    assert found.pop("half") == 1
    senders.check(found, more_than=200)
    assert "Traceback" not in group.ingest.told


@ends_slowly
def test_an_api_that_ends_finishes_its_requests(group: Group) -> None:
    group.start()
    is_in_use = threading.Event()
    is_in_use.set()
    outcomes: Counter[str] = Counter()

    def balance() -> None:
        """As a load balancer does: nobody is sent any more to where it is not ready."""
        while answers(group.api.url, "/health/ready/"):
            time.sleep(0.2)
        is_in_use.clear()

    def ask() -> None:
        with group.person.client() as client:
            while is_in_use.is_set():
                try:
                    answer = client.get("/api/v1/logs/search/", params={"q": "x"})
                except httpx.TransportError as error:
                    outcomes[repr(error)] += 1
                else:
                    outcomes[str(answer.status_code)] += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    threads.append(threading.Thread(target=balance))
    for thread in threads:
        thread.start()
    wait_until(lambda: outcomes["200"] > 10, START_SECONDS)
    began = time.monotonic()
    took = group.api.stop()
    # It waits no less where the machine stands still, which does not count in what it took.
    waited = time.monotonic() - began
    for thread in threads:
        thread.join()
    report(f"ended after {waited:.2f} s: {dict(outcomes)}")
    assert waited >= LONG_DELAY_SECONDS
    assert took < STOP_SECONDS
    assert set(outcomes) == {"200"}


def test_a_shipper_that_ends_has_committed_and_another_goes_on(group: Group) -> None:
    tenant = group.start()
    senders = Senders(tenant, "s", seed=1)
    for _ in range(3):
        time.sleep(1)
        assert group.shipper.stop() < STOP_SECONDS
        group.shipper = group.another_shipper()
        group.run(group.shipper)
        group.shipper.hear("shipper_started")
    senders.end()
    tenant.wait_until_indexed()
    senders.check(group.marks())


def test_the_end_of_a_host_leaves_an_empty_journal(group: Group) -> None:
    tenant = group.start()
    group.shipper.stop()
    stop = threading.Event()
    sender = Sender("s", tenant, 1, stop)
    sender.start()
    wait_until(lambda: len(sender.ledger.acknowledged) > 100, START_SECONDS)
    group.shipper = group.another_shipper()
    group.run(group.shipper)
    # As a preStop hook beside the shipper that runs: it waits for the intake, then for the journal.
    drain = group.another_shipper("--drain")
    group.run(drain)
    drain.hear("the intake to end")
    group.ingest.ask_to_stop()
    time.sleep(0.5)
    drains = drain.is_running()
    assert drains or not group.ingest.is_running()
    assert group.ingest.wait() == 0
    assert drain.wait() == 0
    group.shipper.stop()
    stop.set()
    checks = httpx.get(f"{group.api.url}/health/", timeout=60).json()["checks"]
    assert (checks["journal"]["entries"], checks["journal"]["last"] > 0) == (0, True)
    found = group.marks()
    missing = sender.ledger.acknowledged - found.keys()
    assert (missing, set(found.values())) == (set(), {1})


def test_what_is_left_behind_is_drained_by_a_shipper_alone(group: Group) -> None:
    tenant = group.start()
    group.shipper.stop()
    with tenant.client() as client:
        for number in range(50):
            line = orjson.dumps({"message": "left", "mark": str(number)})
            assert client.post("/api/v1/logs/", content=line).status_code == 202
    assert group.ingest.stop() < STOP_SECONDS
    drain = group.another_shipper("--drain")
    group.run(drain)
    assert drain.wait() == 0
    assert len(group.marks()) == 50


def test_a_drain_that_is_stopped_before_its_end_says_so(group: Group) -> None:
    group.start()
    drain = group.another_shipper("--drain")
    group.run(drain)
    drain.hear("the intake to end")
    drain.ask_to_stop(signal.SIGTERM)
    assert drain.wait() == 1
