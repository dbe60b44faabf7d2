"""What the shipper does with each entry, stage by stage, over the generator's records."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from app.cli.demo.generator import Feed, lines
from app.core.ids import OrgId, uuid7, uuid7_run
from app.ingest.directory import DefaultStreams
from app.ingest.normalising.normalise import normalise
from app.journal.batch import Batch, decode, encode
from app.journal.envelope import opened, seal, stored
from app.logstore.elastic.hosts import Hosts
from app.logstore.registry import open_writer
from app.logstore.types import Position

FEED = Feed(7, 1_790_000_000_000_000_000, 43_000_000)
COMMIT_RECORDS = 60_000
_KEY = b"\0" * 8


class Shipping:
    """Entries as the journal holds them, and a writer to put them into."""

    def __init__(self, kind: str, location: Path | Hosts, records: int, batch: int) -> None:
        """`kind` and `location` of the store."""
        org_id = OrgId(uuid7())
        now_ns = time.time_ns()
        self._entries = [
            stored(seal(encode(_batch(org_id, now_ns, start, batch))), number=_KEY, taken_ns=now_ns)
            for start in range(0, records, batch)
        ]
        self._directory = DefaultStreams(30)
        self._writer = open_writer(kind, location)

    def run(self) -> Counter[str]:
        """Ships everything; processor seconds of this process by stage."""
        watch = _Watch()
        waiting = 0
        for number, entry in enumerate(self._entries, start=1):
            batch = decode(opened(memoryview(entry), number=_KEY))
            watch.end("read")
            made = normalise(batch, self._directory(batch.org_id, batch.stream))
            watch.end("normalise")
            self._writer.append(made.records, position=Position("profile", number))
            watch.end("append")
            waiting += len(made.records)
            if waiting >= COMMIT_RECORDS or number == len(self._entries):
                self._writer.commit()
                watch.end("commit")
                waiting = 0
        return watch.seconds

    def close(self) -> None:
        self._writer.close()


def _batch(org_id: OrgId, now_ns: int, start: int, count: int) -> Batch:
    return Batch(
        org_id=org_id,
        received_ns=now_ns,
        first_id=uuid7_run(now_ns // 1_000_000),
        protocol="ndjson",
        lines=list(lines(FEED, start, count)),
    )


class _Watch:
    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._began = time.process_time()

    def end(self, stage: str) -> None:
        """What was used since the end before was used by this stage."""
        now = time.process_time()
        self.seconds[stage] += now - self._began
        self._began = now
