"""Many small organisations at once: each sends a little every second, and finds it soon."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.benchmarks.load import CONNECTIONS, Connection, request_of
from tests.benchmarks.processes import anonymous_bytes
from tests.process.service import Service, Tenant

PER_SECOND = 10
FINDABLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of it. `late` probes needed more than FINDABLE_SECONDS."""

    organisations: int
    seconds: float
    sent: int
    lost: int
    median_findable: float
    worst_findable: float
    late: int
    most_anonymous: int


def run_crowd(service: Service, organisations: int, seconds: int) -> Crowd:
    """Everybody sends PER_SECOND records each second; some ask for theirs at once."""
    with ThreadPoolExecutor(4) as pool:
        tenants = list(pool.map(lambda n: service.join(f"Crowd{n}"), range(organisations)))
    return _Run(service, tenants, seconds).run()


class _Run:
    """Threads that send each second's records on kept sockets, and one that looks for its own."""

    def __init__(self, service: Service, tenants: list[Tenant], seconds: int) -> None:
        self._service = service
        self._tenants = tenants
        self._seconds = seconds
        self._delays: list[float] = []
        self._trouble: list[Exception] = []
        self._probes = 0
        self._sent = [0] * CONNECTIONS

    def run(self) -> Crowd:
        senders = [
            threading.Thread(target=self._guarded, args=(self._send, n)) for n in range(CONNECTIONS)
        ]
        prober = threading.Thread(target=self._guarded, args=(self._probe, 0))
        before = time.monotonic()
        for thread in (*senders, prober):
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in senders):
            most = max(most, anonymous_bytes(self._service))
            time.sleep(1.0)
        took = time.monotonic() - before
        prober.join()
        if self._trouble:
            raise self._trouble[0]
        time.sleep(FINDABLE_SECONDS)
        sent = sum(self._sent) + self._probes
        lost = sent - sum(tenant.count() for tenant in self._tenants)
        return Crowd(
            len(self._tenants),
            took,
            sent,
            lost,
            statistics.median(self._delays),
            max(self._delays),
            sum(delay > FINDABLE_SECONDS for delay in self._delays),
            most,
        )

    def _guarded(self, work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except (OSError, RuntimeError, AssertionError) as error:
            self._trouble.append(error)

    def _send(self, number: int) -> None:
        mine = self._tenants[number::CONNECTIONS]
        connection = Connection(self._service.url)
        began = time.monotonic()
        for second in range(self._seconds):
            lines = [
                b'{"message":"tick %d of a crowd","tick":%d,"n":%d}' % (second, second, n)
                for n in range(PER_SECOND)
            ]
            for place, tenant in enumerate(mine):
                # Spread over the second, as a crowd would be.
                due = began + second + place / len(mine)
                time.sleep(max(due - time.monotonic(), 0))
                status = connection.post(request_of(lines, tenant.key))
                if status != 202:
                    raise RuntimeError(f"the service answered {status}")
                self._sent[number] += PER_SECOND
        connection.close()

    def _probe(self, _number: int) -> None:
        chance = random.Random(7)
        connection = Connection(self._service.url)
        for number in range(self._seconds):
            tenant = chance.choice(self._tenants)
            word = f"probe{number}"
            connection.post(request_of([b'{"message":"%b"}' % word.encode()], tenant.key))
            self._probes += 1
            before = time.monotonic()
            while not tenant.count(word):
                time.sleep(0.05)
            self._delays.append(time.monotonic() - before)
            time.sleep(max(1.0 - self._delays[-1], 0))
        connection.close()
