"""Elasticsearch is away, or the disk is full: what senders notice, and what becomes of the backlog."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from app.journal.status import free_bytes_beside
from tests.process.deployment import SETTLE_SECONDS, Deployment, Services
from tests.process.programs import answers, wait_until
from tests.process.senders import Ledger
from tests.process.service import Tenant, report
from tests.process.standstill import Standstill

IS_LONG = bool(os.environ.get("SOAK"))
AWAY_SECONDS = 600.0 if IS_LONG else 0.0
JOURNAL_BYTES = (24 << 20) if IS_LONG else (1 << 20)
FULL_SECONDS = 900.0 if IS_LONG else 600.0
BATCH = 200
PAUSE_SECONDS = 0.5
# So little is left on the disk that is full soon.
LEFT_BYTES = 512 << 10
# What compresses badly fills a journal in seconds.
NOISE_BYTES = 150


@dataclass
class Steady(threading.Thread):
    """Sends a batch every so often, with ids, each until it is taken; notes every other answer."""

    tenant: Tenant
    stop: threading.Event
    ledger: Ledger = field(default_factory=Ledger)
    refusals: list[tuple[int, str, int]] = field(default_factory=list)
    slowest_taken: float = 0.0
    trouble: BaseException | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            number = 0
            with self.tenant.client(60) as client:
                while not self.stop.is_set():
                    self._one(client, number)
                    number += 1
                    time.sleep(PAUSE_SECONDS)
        except BaseException as error:
            self.trouble = error
            raise

    def _one(self, client: httpx.Client, number: int) -> None:
        marks = [f"b-{number}-{index}" for index in range(BATCH)]
        body = b"\n".join(
            orjson.dumps({"id": mark, "mark": mark, "message": os.urandom(NOISE_BYTES).hex()})
            for mark in marks
        )
        while True:
            before = time.monotonic()
            answer = client.post("/api/v1/logs/", content=body)
            if answer.status_code == 202:
                self.slowest_taken = max(self.slowest_taken, time.monotonic() - before)
                self.ledger.acknowledged.update(marks)
                return
            retry_after = int(answer.headers["retry-after"])
            self.refusals.append((answer.status_code, answer.json()["code"], retry_after))
            assert answer.headers["content-type"] == "application/problem+json"
            if self.stop.wait(0.5):
                self.ledger.unknown.update(marks)
                return


def journal_of(deployment: Deployment) -> dict[str, int]:
    """How the intake sees its journal."""
    checks = deployment.health(deployment.ingest)["checks"]
    return {**checks["journal"], "lag_seconds": checks["shipper"]["lag_seconds"]}


@pytest.fixture
def deployment(killable_services: Services, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(
        killable_services, tmp_path / "data", JOURNAL_MAX_BYTES=str(JOURNAL_BYTES)
    )
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()


@pytest.mark.alone
def test_senders_notice_nothing_of_a_store_that_is_away_until_the_journal_is_full(
    deployment: Deployment,
) -> None:
    stop = threading.Event()
    sender = Steady(deployment.tenant, stop)
    sender.start()
    wait_until(lambda: len(sender.ledger.acknowledged) > 0, SETTLE_SECONDS)
    deployment.services.elastic.kill()
    began = time.monotonic()
    before = len(sender.ledger.acknowledged)
    wait_until(lambda: bool(sender.refusals), FULL_SECONDS, lambda: str(journal_of(deployment)))
    filled = time.monotonic() - began
    taken = len(sender.ledger.acknowledged) - before
    full = deployment.health(deployment.ingest)["checks"]["journal"]
    assert answers(deployment.ingest.url, "/health/ready/")
    time.sleep(max(3.0, AWAY_SECONDS - filled))
    assert {(status, code) for status, code, _ in sender.refusals} == {(429, "journal_full")}
    assert all(1 <= retry_after <= 60 for _, _, retry_after in sender.refusals)
    assert full["bytes"] > 0.9 * full["max_bytes"]
    backlog = journal_of(deployment)["entries"]
    stop.set()
    sender.join(SETTLE_SECONDS)
    assert not sender.is_alive()
    deployment.services.elastic.start()
    with Standstill() as standstill:
        drained = wait_until(
            lambda: journal_of(deployment)["entries"] == 0,
            max(SETTLE_SECONDS, filled),
            lambda: str(journal_of(deployment)),
        )
    report(
        f"full after {filled:.1f} s and {taken} records; refused {len(sender.refusals)} times;"
        f" slowest answer {sender.slowest_taken:.2f} s; {backlog} entries drained in {drained:.1f} s"
    )
    assert sender.trouble is None
    assert taken > 1_000
    assert drained - standstill.seconds < filled
    deployment.wait_until_found()
    sender.ledger.check(deployment.marks())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 24 MiB."""
    where = tmp_path / "small"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(where)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert mounted.returncode == 0, mounted.stderr
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)  # noqa: S607


def test_a_full_disk_is_refused_seen_and_got_over(
    killable_services: Services, tmp_path: Path, small_disk: Path
) -> None:
    deployment = Deployment(
        killable_services,
        tmp_path / "data",
        JOURNAL_DIR=str(small_disk / "journal"),
        JOURNAL_MAX_BYTES=str(256 << 20),
    )
    filler = small_disk / "filler"
    try:
        deployment.start(status="degraded")
        assert deployment.health(deployment.ingest)["checks"]["journal"]["status"] == "degraded"
        stop = threading.Event()
        sender = Steady(deployment.tenant, stop)
        sender.start()
        wait_until(lambda: len(sender.ledger.acknowledged) > 0, SETTLE_SECONDS)
        psutil.Process(deployment.shipper.pid).suspend()
        with filler.open("wb") as file:
            file.write(b"x" * (free_bytes_beside(small_disk) - LEFT_BYTES))
        wait_until(lambda: len(sender.refusals) > 3, SETTLE_SECONDS)
        journal = deployment.health(deployment.ingest)["checks"]["journal"]
        metrics = httpx.get(f"{deployment.ingest.url}/metrics", timeout=60).text
        free = next(line for line in metrics.splitlines() if line.startswith("elkv_journal_disk"))
        taken = len(sender.ledger.acknowledged)
        assert journal["status"] == "degraded"
        assert "bytes left" in journal["detail"]
        assert float(free.split()[-1]) < LEFT_BYTES
        assert answers(deployment.ingest.url, "/health/live/")
        filler.unlink()
        psutil.Process(deployment.shipper.pid).resume()
        wait_until(lambda: len(sender.ledger.acknowledged) > taken + 1_000, SETTLE_SECONDS)
        stop.set()
        sender.join(SETTLE_SECONDS)
        assert not sender.is_alive()
        assert sender.trouble is None
        report(f"refused {Counter(sender.refusals)}, {taken} records before")
        assert {status for status, _, _ in sender.refusals} <= {429, 503}
        deployment.wait_until_found()
        sender.ledger.check(deployment.marks())
        assert "Traceback" not in deployment.ingest.told
    finally:
        deployment.close()
