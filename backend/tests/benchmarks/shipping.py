"""The shipper's stages, one after the other over the generator's records."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from app.cli.demo.generator import Feed, lines
from app.core.ids import OrgId, uuid7, uuid7_run
from app.ingest.directory import DefaultStreams
from app.ingest.normalise import Normalised, normalise
from app.journal.batch import Batch, decode, encode
from app.logstore.registry import open_writer
from app.logstore.types import Position

FEED = Feed(7, 1_790_000_000_000_000_000, 43_000_000)


class Shipping:
    """Made with everything that the stages need; each stage runs once, in their order."""

    def __init__(self, folder: Path, records: int, batch: int) -> None:
        org_id = OrgId(uuid7())
        now_ns = time.time_ns()
        self._payloads = [
            encode(
                Batch(
                    org_id=org_id,
                    received_ns=now_ns,
                    first_id=uuid7_run(now_ns // 1_000_000),
                    protocol="ndjson",
                    lines=list(lines(FEED, start, batch)),
                )
            )
            for start in range(0, records, batch)
        ]
        self._directory = DefaultStreams(30)
        self._writer = open_writer("embedded", folder)
        self._batches: list[Batch] = []
        self._made: list[Normalised] = []

    def stages(self) -> dict[str, Callable[[], None]]:
        """What the shipper does, by name."""
        return {
            "decode": self._decode,
            "normalise": self._normalise,
            "append": self._append,
            "commit": self._writer.commit,
        }

    def close(self) -> None:
        self._writer.close()

    def _decode(self) -> None:
        self._batches = [decode(payload) for payload in self._payloads]

    def _normalise(self) -> None:
        self._made = [
            normalise(batch, self._directory(batch.org_id, batch.stream)) for batch in self._batches
        ]

    def _append(self) -> None:
        for number, made in enumerate(self._made, start=1):
            self._writer.append(made.records, position=Position("profile", number))
