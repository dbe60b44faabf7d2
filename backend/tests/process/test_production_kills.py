"""`kill -9` of everything in turn, in front of Elasticsearch, MongoDB and Redis, and of those too.

What was acknowledged is found exactly once afterwards. The seed of a run is printed;
`KILL_SEED=… KILLS=…` repeats it. `make soak` runs the long form.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.process.deployment import SETTLE_SECONDS, Deployment, Services
from tests.process.senders import Sender
from tests.process.service import report

IS_LONG = bool(os.environ.get("SOAK"))
KILLS = int(os.environ.get("KILLS", "20" if IS_LONG else "7"))
AWAY_SECONDS = 60.0 if IS_LONG else 4.0
SENDERS = 3
PAUSE_SECONDS = 0.1


@pytest.fixture
def deployment(killable_services: Services, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(killable_services, tmp_path / "data")
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()


def kill_elasticsearch(deployment: Deployment) -> None:
    deployment.services.elastic.kill()
    deployment.services.elastic.start()


def take_away_mongodb_and_redis(deployment: Deployment) -> None:
    deployment.services.mongo.kill()
    deployment.services.redis.kill()
    time.sleep(AWAY_SECONDS)
    deployment.services.mongo.start()
    deployment.services.redis.start()


def kill_shipper(deployment: Deployment) -> None:
    deployment.restart(deployment.shipper)


def kill_intake(deployment: Deployment) -> None:
    deployment.restart(deployment.ingest)


def kill_a_worker_of_the_intake(deployment: Deployment) -> None:
    """gunicorn itself starts another one."""
    workers = psutil.Process(deployment.ingest.pid).children()
    if workers:
        workers[0].kill()


def kill_all_of_ours(deployment: Deployment) -> None:
    for program in deployment.programs:
        program.kill()
    for program in deployment.programs:
        program.start()


def kill_worker_and_beat(deployment: Deployment) -> None:
    deployment.restart(deployment.worker)
    deployment.restart(deployment.beat)


ATTACKS: tuple[Callable[[Deployment], None], ...] = (
    kill_elasticsearch,
    take_away_mongodb_and_redis,
    kill_shipper,
    kill_intake,
    kill_a_worker_of_the_intake,
    kill_all_of_ours,
    kill_worker_and_beat,
)


def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed(
    deployment: Deployment,
) -> None:
    seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 32)))
    report(f"KILL_SEED={seed} KILLS={KILLS}")
    chance = random.Random(seed)
    stop = threading.Event()
    senders = [
        Sender(f"k{n}", deployment.tenant, seed + n, stop, pause_seconds=PAUSE_SECONDS)
        for n in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    attacks = [ATTACKS[n % len(ATTACKS)] for n in range(KILLS)]
    chance.shuffle(attacks)
    for attack in attacks:
        time.sleep(chance.uniform(0.3, 2.0))
        before = time.monotonic()
        attack(deployment)
        report(f"{attack.__name__}: {time.monotonic() - before:.1f} s")
        assert [sender.trouble for sender in senders if sender.trouble] == []
    time.sleep(1.0)
    stop.set()
    for sender in senders:
        sender.join(SETTLE_SECONDS)
        assert not sender.is_alive()
        assert sender.trouble is None
    back = deployment.wait_until_healthy(SETTLE_SECONDS)
    deployment.wait_until_found()
    report(f"everything is up {back:.1f} s after the last one")
    found = deployment.marks()
    for sender in senders:
        mine = Counter({m: c for m, c in found.items() if m.startswith(f"{sender.name}-")})
        report(
            f"{sender.name}: {len(sender.ledger.acknowledged)} acknowledged, "
            f"{sender.ledger.repeated} sent again, {len(sender.ledger.unknown)} unknown, "
            f"{sum(mine.values())} found"
        )
        assert len(sender.ledger.acknowledged) > KILLS * 40
        sender.ledger.check(mine)
