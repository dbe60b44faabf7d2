"""`kill -9` at any moment: what was acknowledged is found exactly once afterwards.

The seed of a run is printed; `KILL_SEED=… KILLS=…` repeats it. `make soak` runs the long form.
"""

import os
import random
import threading
import time

import orjson
import psutil
import pytest

from tests.process.senders import OneShipper, Senders, marks
from tests.process.service import Service, report
from tests.process.standstill import within

KILLS = int(os.environ.get("KILLS", "20" if os.environ.get("SOAK") else "6"))
VICTIMS = ("web", "shipper", "group")
BACK_SECONDS = 2.0
SETTLE_SECONDS = 180.0
SENDERS = ("s0", "s1", "s2")


@pytest.mark.alone
def test_nothing_acknowledged_is_lost_or_doubled_by_kills_at_random(own_service: Service) -> None:
    seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 32)))
    report(f"KILL_SEED={seed} KILLS={KILLS}")
    chance = random.Random(seed)
    own_service.start()
    tenant = own_service.join("Acme")
    over = threading.Event()
    senders = Senders(tenant, *SENDERS, seed=seed)
    watcher = OneShipper(str(own_service.data_dir), over)
    watcher.start()
    victims = [VICTIMS[n % len(VICTIMS)] for n in range(KILLS)]
    chance.shuffle(victims)
    backs = []
    for victim in victims:
        time.sleep(chance.uniform(0.3, 1.8))
        backs.append((victim, round(kill(own_service, victim), 2)))
        senders.go_on()
    report(f"back after seconds: {backs}")
    senders.wait_for(KILLS * 40)
    senders.end(SETTLE_SECONDS)
    tenant.wait_until_indexed(SETTLE_SECONDS)
    over.set()
    watcher.join()
    assert watcher.looks > KILLS
    assert watcher.most == 1
    senders.check(marks(tenant))


def kill(service: Service, victim: str) -> float:
    """Kills one part or everything; how long until it runs again."""
    if victim == "group":
        service.kill()
        return service.start()
    part = wait_for(service, victim)
    with within(BACK_SECONDS):
        part.kill()
        return service.wait_for_part(victim, other_than=part.pid, seconds=SETTLE_SECONDS)


def wait_for(service: Service, name: str) -> psutil.Process:
    """The part; it may be about to come back from the kill before."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        part = service.parts().get(name)
        if part is not None:
            return part
        time.sleep(0.01)
    raise AssertionError(f"{name} does not run")


FAULTS = (
    "commit:before",
    "commit:after_source",
    "commit:after_index",
    "ship:after_append",
    "ship:after_commit",
    "ship:before_trim",
)


@pytest.mark.parametrize("fault", [*(f"{fault}:2" for fault in FAULTS), "merge:1"])
def test_a_shipper_that_dies_in_the_middle_ships_everything_once(
    own_service: Service, fault: str
) -> None:
    own_service.environment["ELKV_FAULT"] = fault
    own_service.start()
    tenant = own_service.join("Acme")
    sent = 0
    deadline = time.monotonic() + SETTLE_SECONDS
    with tenant.client() as client:
        # A merge comes with the eighth commit only, and how soon that is depends on the machine.
        while "shipper was ended by SIGKILL" not in own_service.told:
            assert time.monotonic() < deadline, own_service.told
            lines = [
                orjson.dumps({"message": f"n {sent}", "mark": f"{sent}-{index}"})
                for index in range(50)
            ]
            answer = client.post("/api/v1/logs/", content=b"\n".join(lines))
            assert answer.status_code == 202
            sent += answer.json()["accepted"]
            time.sleep(0.05)
    # Every shipper of this group dies at the same point: two of its own making, then a sound one.
    own_service.kill()
    del own_service.environment["ELKV_FAULT"]
    own_service.start()
    tenant.wait_until_indexed(SETTLE_SECONDS)
    found = marks(tenant)
    assert len(found) == sent
    assert set(found.values()) == {1}
