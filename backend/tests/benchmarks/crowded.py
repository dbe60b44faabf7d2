"""A thousand small organisations on one node: how many shards, and what a search of one costs."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.core.ids import OrgId, uuid7, uuid7_run
from app.core.scope import system_scope
from app.ingest.directory import DefaultStreams
from app.ingest.normalising.normalise import normalise
from app.journal.batch import Batch
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import Position, SearchPlan, TimeRange
from app.query.parser import parse
from app.query.resolve import resolve
from tests.benchmarks.raw_elastic import RawElastic

FEW, MANY = 10, 1_000
RECORDS_EACH = 10
TURNS = 100
QUESTION = "level:error tick"


@dataclass(frozen=True, slots=True)
class Crowded:
    """Medians of the same search, asked in turns."""

    shards: int
    few_ms: float
    many_ms: float

    @property
    def ratio(self) -> float:
        return self.many_ms / self.few_ms


class _Crowd:
    """So many organisations in partitions of their own prefix."""

    def __init__(self, location: str, organisations: int) -> None:
        self.organisations = [OrgId(uuid7()) for _ in range(organisations)]
        self._location = Path(location)
        self._reader = ElasticReader(self._location)

    def fill(self) -> None:
        writer = ElasticWriter(self._location)
        directory = DefaultStreams()
        for number, org_id in enumerate(self.organisations, start=1):
            now_ns = time.time_ns()
            batch = Batch(
                org_id=org_id,
                received_ns=now_ns,
                first_id=uuid7_run(now_ns // 1_000_000),
                protocol="ndjson",
                lines=[_line(number, tick) for tick in range(RECORDS_EACH)],
            )
            made = normalise(batch, directory(org_id, ""))
            writer.append(made.records, position=Position("crowd", number))
        writer.commit()
        writer.close()

    def search(self, turn: int) -> float:
        """Milliseconds of one search; who is asked changes from turn to turn."""
        org_id = self.organisations[turn % len(self.organisations)]
        scope = system_scope(org_id, "bench")
        now_ns = time.time_ns()
        plan = SearchPlan(
            filter=resolve(parse(QUESTION), now_ns=now_ns),
            range=TimeRange(now_ns - 3_600 * 10**9, now_ns),
        )
        before = time.perf_counter()
        page = self._reader.search(scope, plan)
        took = (time.perf_counter() - before) * 1000
        if page.total != RECORDS_EACH // 2:
            raise RuntimeError(f"{page.total} records are found")
        return took

    def close(self) -> None:
        self._reader.close()


def _line(number: int, tick: int) -> bytes:
    return orjson.dumps(
        {
            "message": f"tick {tick} of a crowd",
            "level": "error" if tick % 2 else "info",
            "tick": tick,
            "number": number,
        }
    )


def ratio_of_crowded_search(url: str, prefix: str) -> Crowded:
    """Fills two sets of partitions and asks both in turns."""
    raw = RawElastic(url, f"{prefix}raw-1")
    few, many = _Crowd(f"{url}#{prefix}few", FEW), _Crowd(f"{url}#{prefix}many", MANY)
    try:
        few.fill()
        many.fill()
        for turn in range(TURNS // 5):
            few.search(turn)
            many.search(turn)
        asked = [(few.search(turn), many.search(turn)) for turn in range(TURNS)]
        took_few, took_many = zip(*asked, strict=True)
        return Crowded(
            raw.shards(f"{prefix}many*"), statistics.median(took_few), statistics.median(took_many)
        )
    finally:
        for crowd in (few, many):
            crowd.close()
        for name in ("few", "many"):
            raw.call("DELETE", f"/_index_template/{prefix}{name}")
        raw.close()
