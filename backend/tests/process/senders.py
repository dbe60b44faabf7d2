"""Senders that never stop: they remember what was acknowledged, and what they cannot know."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson

from tests.process.service import Tenant, report

BATCH = 40
PAUSE_SECONDS = 0.02
SECONDS = 30.0
PATIENCE_SECONDS = 180.0


@dataclass(slots=True)
class Ledger:
    """Records by their mark: acknowledged ones have to be found exactly once.

    `unknown` were sent without ids and got no answer: each is found once or not at all, for nobody
    can send them again without risking a second copy.
    """

    acknowledged: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    repeated: int = 0

    def check(self, found: Counter[str]) -> None:
        """Raises with a sample of what is missing, double or from nowhere."""
        missing = sorted(self.acknowledged - found.keys())
        double = sorted(mark for mark, count in found.items() if count > 1)
        strange = sorted(found.keys() - self.acknowledged - self.unknown)
        assert not missing, f"{len(missing)} acknowledged records are lost: {missing[:5]}"
        assert not double, f"{len(double)} records are stored twice: {double[:5]}"
        assert not strange, f"{len(strange)} records come from nowhere: {strange[:5]}"


class Sender(threading.Thread):
    """Sends batch after batch: some with ids, which it sends again until they are taken."""

    def __init__(
        self,
        name: str,
        tenant: Tenant,
        seed: int,
        stop: threading.Event,
        *,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._pause_seconds = pause_seconds
        self.ledger = Ledger()
        self.trouble: BaseException | None = None
        self._tenant = tenant
        self._chance = random.Random(seed)
        self._done = stop
        self._client = tenant.client(SECONDS)
        self._late: list[list[bytes]] = []

    def run(self) -> None:
        try:
            number = 0
            with self._client:
                while not self._done.is_set():
                    self._one(number)
                    number += 1
                    time.sleep(self._pause_seconds)
                for lines in self._late:
                    self._until_taken(lines)
        except BaseException as error:
            self.trouble = error
            raise

    def _one(self, number: int) -> None:
        marks = [f"{self.name}-{number}-{index}" for index in range(BATCH)]
        has_ids = self._chance.random() < 0.5
        lines = [self._line(mark, has_ids=has_ids) for mark in marks]
        if has_ids:
            self._until_taken(lines)
            self.ledger.acknowledged.update(marks)
            if self._chance.random() < 0.1:
                # Sent again at the end, when several restarts lie in between.
                self._late.append(lines)
                self.ledger.repeated += len(lines)
        elif self._is_taken(lines):
            self.ledger.acknowledged.update(marks)
        else:
            self.ledger.unknown.update(marks)

    def _line(self, mark: str, *, has_ids: bool) -> bytes:
        record = {"message": f"record {mark} of a sender", "mark": mark, "service": self.name}
        if has_ids:
            record["id"] = mark
        return orjson.dumps(record)

    def _until_taken(self, lines: list[bytes]) -> None:
        while not self._is_taken(lines):
            time.sleep(PAUSE_SECONDS * 5)

    def _is_taken(self, lines: list[bytes]) -> bool:
        try:
            answer = self._client.post(
                "/api/v1/logs/",
                content=b"\n".join(lines),
                headers={"Content-Type": "application/x-ndjson"},
            )
        except httpx.TransportError:
            return False
        if answer.status_code in (429, 503):
            return False
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] == len(lines), answer.text
        return True


def marks(tenant: Tenant) -> Counter[str]:
    """How often each mark is found."""
    return Counter(hit["attributes"]["mark"] for page in tenant.pages("mark:*") for hit in page)


class Senders:
    """Some that send at the same time, each under a name of its own that no other begins with."""

    def __init__(
        self, tenant: Tenant, *names: str, seed: int, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._stop = threading.Event()
        self._all = [
            Sender(name, tenant, seed + number, self._stop, pause_seconds=pause_seconds)
            for number, name in enumerate(names)
        ]
        for sender in self._all:
            sender.start()

    @property
    def acknowledged(self) -> int:
        """How many records, of all of them."""
        return sum(len(sender.ledger.acknowledged) for sender in self._all)

    def go_on(self) -> None:
        """Raises what one of them met and cannot be."""
        assert [sender.trouble for sender in self._all if sender.trouble] == []

    def wait_for(self, more_than: int) -> None:
        """Until each has more records acknowledged than that: they may get little of the machine."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(len(sender.ledger.acknowledged) > more_than for sender in self._all):
            self.go_on()
            assert time.monotonic() < deadline, "too little is taken in"
            time.sleep(0.05)

    def end(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Once each has sent again what it kept for the end."""
        self._stop.set()
        for sender in self._all:
            sender.join(seconds)
            assert not sender.is_alive()
            assert sender.trouble is None

    def check(self, found: Counter[str], *, more_than: int = 0) -> None:
        """Each has more records acknowledged than that, and they are found exactly once."""
        for sender in self._all:
            ledger = sender.ledger
            mine = Counter({m: c for m, c in found.items() if m.startswith(f"{sender.name}-")})
            report(
                f"{sender.name}: {len(ledger.acknowledged)} acknowledged, {ledger.repeated} sent"
                f" again, {len(ledger.unknown)} unknown, {sum(mine.values())} found"
            )
            assert len(ledger.acknowledged) > more_than
            ledger.check(mine)


class OneShipper(threading.Thread):
    """Watches that there is never more than one shipper over a directory."""

    def __init__(self, directory: str, stop: threading.Event) -> None:
        super().__init__(name="one-shipper", daemon=True)
        self.looks = 0
        self.most = 0
        self._directory = f"DATA_DIR={directory}".encode()
        self._done = stop

    def run(self) -> None:
        while not self._done.wait(0.05):
            self.most = max(self.most, len(shippers_over(self._directory)))
            self.looks += 1


def shippers_over(directory: bytes) -> list[int]:
    """The processes that run a shipper there and are not dead."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes()
            if b"shipper" not in command.split(b"\0"):
                continue
            if directory in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found
