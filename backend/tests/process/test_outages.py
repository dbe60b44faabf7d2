"""A service behind us is killed and comes back: said in time, answered in form, mended by itself."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.process.deployment import SETTLE_SECONDS, Deployment, Services
from tests.process.programs import WebProgram, answers, wait_until
from tests.process.senders import Senders
from tests.process.service import report
from tests.process.standstill import Standstill, within

pytestmark = pytest.mark.alone

HEALTH_CHECK_SECONDS = 2.0
# Beyond the checks themselves, on a machine that others use too.
HEALTH_SECONDS = HEALTH_CHECK_SECONDS + 1.0
# No answer of the API takes longer, whatever is away.
ANSWER_SECONDS = 12.0
AWAY_SECONDS = 60.0 if os.environ.get("SOAK") else 4.0


@pytest.fixture(scope="module")
def deployment(
    killable_services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    deployment = Deployment(killable_services, tmp_path_factory.mktemp("outages"))
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()


def test_health_names_every_part_in_the_form_that_was_asked_for(deployment: Deployment) -> None:
    body = deployment.health(deployment.api)
    checks = body["checks"]
    assert (body["status"], body["version"]) == ("healthy", "v1")
    assert checks["database"] == {"status": "up", "type": "mongodb"}
    assert checks["redis"]["status"] == "up"
    elastic = checks["elasticsearch"]
    assert (elastic["status"], elastic["cluster_status"]) == ("up", "green")
    assert {"worker", "beat"} < set(checks)
    assert {"journal", "shipper"} < set(deployment.health(deployment.ingest)["checks"])


class Outage:
    """What is asked again and again while a service is away, and what came back."""

    def __init__(self, deployment: Deployment, standstill: Standstill) -> None:
        self._deployment = deployment
        self._standstill = standstill
        self._stop = threading.Event()
        self.health_seconds: list[float] = []
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.wrong: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask_health, args=(deployment.api,)),
            threading.Thread(target=self._ask_health, args=(deployment.ingest,)),
            threading.Thread(target=self._ask_api, args=(self._search,)),
            threading.Thread(target=self._ask_api, args=(self._profile,)),
            threading.Thread(target=self._ask_api, args=(self._sign_in,)),
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _now(self) -> float:
        """As if the machine had never stood still."""
        return time.monotonic() - self._standstill.seconds

    def _ask_health(self, web: WebProgram) -> None:
        while not self._stop.is_set():
            before = self._now()
            httpx.get(f"{web.url}/health/", timeout=60)
            self.health_seconds.append(self._now() - before)
            time.sleep(0.2)

    def _ask_api(self, ask: Callable[[httpx.Client], httpx.Response]) -> None:
        with httpx.Client(base_url=self._deployment.api.url, timeout=60) as client:
            while not self._stop.is_set():
                before = self._now()
                answer = ask(client)
                self.slowest = max(self.slowest, self._now() - before)
                self.answers[f"{ask.__name__} {answer.status_code}"] += 1
                self._check(answer)
                time.sleep(0.1)

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code == 200:
            return
        is_problem = answer.headers["content-type"] == "application/problem+json"
        has_time = answer.headers.get("retry-after", "").isdecimal()
        if answer.status_code != 503 or not is_problem or not has_time:
            self.wrong.append(f"{answer.status_code} {answer.headers} {answer.text[:500]}")

    def _search(self, client: httpx.Client) -> httpx.Response:
        key = {"Authorization": f"ApiKey {self._deployment.person.key}"}
        return client.get("/api/v1/logs/search/", params={"q": "first"}, headers=key)

    def _profile(self, client: httpx.Client) -> httpx.Response:
        token = {"Authorization": f"Bearer {self._deployment.person.access}"}
        return client.get("/api/v1/users/profile/", headers=token)

    def _sign_in(self, client: httpx.Client) -> httpx.Response:
        body = {"username": "acme", "password": "correct horse battery staple"}
        return client.post("/api/auth/login/", json=body)


@pytest.mark.parametrize("name", ["database", "redis", "elasticsearch"])
def test_a_service_that_is_killed_is_missed_and_comes_back(
    deployment: Deployment, name: str
) -> None:
    server: Any = {
        "database": deployment.services.mongo,
        "redis": deployment.services.redis,
        "elasticsearch": deployment.services.elastic,
    }[name]
    deployment.wait_until_healthy()
    before = deployment.pids()
    senders = Senders(deployment.tenant, f"while-no-{name}", seed=1, pause_seconds=0.1)
    senders.wait_for(0)
    with Standstill() as standstill:
        outage = Outage(deployment, standstill)
        server.kill()
        webs = (deployment.api, deployment.ingest)
        with within(HEALTH_SECONDS + 2):
            noticed = wait_until(
                lambda: all(
                    deployment.health(web)["checks"][name]["status"] == "down" for web in webs
                ),
                SETTLE_SECONDS,
            )
        assert not answers(deployment.api.url, "/health/")
        assert answers(deployment.ingest.url, "/health/ready/")
        assert answers(deployment.api.url, "/health/ready/") == (name != "database")
        assert answers(deployment.api.url, "/health/live/")
        acknowledged = senders.acknowledged
        time.sleep(AWAY_SECONDS)
        wait_until(lambda: senders.acknowledged >= acknowledged + 40, SETTLE_SECONDS)
        if name != "redis":
            missed = "_search 503" if name == "elasticsearch" else "_profile 503"
            wait_until(lambda: outage.answers[missed] > 0, SETTLE_SECONDS)
        went_on = senders.acknowledged - acknowledged
        server.start()
        back = deployment.wait_until_healthy()
        outage.end()
    senders.end(SETTLE_SECONDS)
    report(
        f"{name}: noticed after {noticed:.1f} s, back {back:.1f} s after its start;"
        f" health at most {max(outage.health_seconds):.2f} s, API {outage.slowest:.2f} s:"
        f" {dict(outage.answers)}; {went_on} records taken meanwhile"
    )
    assert outage.wrong == []
    assert max(outage.health_seconds) < HEALTH_SECONDS
    assert outage.slowest < ANSWER_SECONDS
    assert answers(deployment.api.url, "/health/ready/")
    assert deployment.pids() == before
    deployment.wait_until_found()
    senders.check(deployment.marks())
    assert "Traceback" not in deployment.api.told
    assert "Traceback" not in deployment.ingest.told


def test_partitions_that_refuse_are_named_and_mended(deployment: Deployment) -> None:
    deployment.wait_until_healthy()
    partitions = (
        f"{deployment.services.elastic.url}"
        f"/{deployment.environment['ELASTICSEARCH_INDEX_PREFIX']}-*d-*/_settings"
    )

    def block(*, is_on: bool | None) -> None:
        # What Elasticsearch itself sets when a disk is almost full.
        body = {"index.blocks.read_only_allow_delete": is_on}
        assert httpx.put(partitions, json=body, timeout=60).status_code == 200

    block(is_on=True)
    try:
        with deployment.tenant.client() as client:
            taken = client.post("/api/v1/logs/", content=b'{"message":"held back"}')
        assert taken.status_code == 202

        def is_named() -> bool:
            checks = deployment.health(deployment.ingest)["checks"]
            return bool(
                checks["elasticsearch"]["status"] == checks["shipper"]["status"] == "degraded"
                and checks["elasticsearch"]["broken"]
                and checks["journal"]["entries"]
            )

        named = wait_until(
            is_named, SETTLE_SECONDS, lambda: str(deployment.health(deployment.ingest))
        )
        assert answers(deployment.ingest.url, "/health/")
        assert answers(deployment.ingest.url, "/health/ready/")
        metrics = httpx.get(f"{deployment.ingest.url}/metrics", timeout=60).text
        held = [line for line in metrics.splitlines() if line.startswith("elkv_store_held_records")]
        assert sum(float(line.split()[-1]) for line in held) >= 1
    finally:
        block(is_on=None)
    back = deployment.wait_until_healthy()
    report(f"named after {named:.1f} s, mended {back:.1f} s after the block was gone")
    assert deployment.person.count('"held back"') == 1
