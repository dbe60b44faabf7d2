"""`kill -9` of everything in turn, in front of Elasticsearch, MongoDB and Redis, and of those too.

What was acknowledged is found exactly once afterwards. The seed of a run is printed;
`KILL_SEED=… KILLS=…` repeats it. `make soak` runs the long form.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from tests.process.deployment import SETTLE_SECONDS, Deployment
from tests.process.senders import Senders
from tests.process.service import report

IS_LONG = bool(os.environ.get("SOAK"))
KILLS = int(os.environ.get("KILLS", "20" if IS_LONG else "7"))
AWAY_SECONDS = 60.0 if IS_LONG else 4.0
SENDERS = ("k0", "k1", "k2")
PAUSE_SECONDS = 0.1


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
    for worker in psutil.Process(deployment.ingest.pid).children()[:1]:
        # Or its master has just replaced it.
        with suppress(psutil.NoSuchProcess):
            worker.kill()


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
    senders = Senders(deployment.tenant, *SENDERS, seed=seed, pause_seconds=PAUSE_SECONDS)
    attacks = [ATTACKS[n % len(ATTACKS)] for n in range(KILLS)]
    chance.shuffle(attacks)
    for attack in attacks:
        time.sleep(chance.uniform(0.3, 2.0))
        before = time.monotonic()
        attack(deployment)
        report(f"{attack.__name__}: {time.monotonic() - before:.1f} s")
        senders.go_on()
    senders.wait_for(KILLS * 40)
    senders.end(SETTLE_SECONDS)
    back = deployment.wait_until_healthy(SETTLE_SECONDS)
    deployment.wait_until_found()
    report(f"everything is up {back:.1f} s after the last one")
    senders.check(deployment.marks())
