"""`make bench BENCH="--store elastic"`: our way to Elasticsearch beside the bare way, in one run.

Turn by turn the same records go through our API and, as the documents that our shipper makes of them,
straight to an identical index; so a machine that is slower for a minute is slower for both. The first
turn is not counted: in it the server compiles what it runs, three times as slow at first.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from app.cli.demo.generator import Feed
from app.cli.demo.truth import Truth
from tests.benchmarks.config_rates import add_config_rates
from tests.benchmarks.crowded import ratio_of_crowded_search
from tests.benchmarks.load import requests_of, send_all
from tests.benchmarks.marks import Report
from tests.benchmarks.processes import cpu_seconds, parse_microseconds
from tests.benchmarks.questions import Asker, Question, questions_of
from tests.benchmarks.raw_elastic import RawElastic, bodies_of
from tests.benchmarks.recorder import Recorded, Recorder
from tests.benchmarks.through import add_through_rate
from tests.process.service import Service, Tenant, report

SHARE_OF_RAW = 0.7
OWN_CPU_MICROSECONDS = 20.0
SEARCH_MS_ABOVE_RAW = 5.0
DISK_OF_RAW = 1.05
SHARDS = 19
CROWDED_RATIO = 1.2
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 600.0
TURNS_A_QUESTION = 40


@dataclass(slots=True)
class Turns:
    """What came of each turn."""

    ours: list[float]
    raw: list[float]
    own_cpu: list[dict[str, float]]
    servers_cpu: list[float]
    raw_servers_cpu: list[float]
    parsing: list[float]


class ElasticBench:
    """A service over Elasticsearch and an index beside its own, both under one made-up prefix."""

    def __init__(self, url: str, folder: Path, feed: Feed, records: int) -> None:
        self._prefix = f"bench{token_hex(4)}"
        self._url = url
        self.raw = RawElastic(url, f"{self._prefix}raw-1")
        self.service = Service(
            folder / "data",
            LOG_STORE="elastic",
            ELASTICSEARCH_HOSTS=url,
            ELASTICSEARCH_INDEX_PREFIX=self._prefix,
        )
        self._feed = feed
        self._records = records
        self.report = Report()
        self._ours = f"{self._prefix}-*d-*"

    def close(self) -> None:
        """Ends the service and removes every index."""
        self.service.close()
        self.raw.delete(f"{self._prefix}*")
        self.raw.call("DELETE", f"/_index_template/{self._prefix}")
        self.raw.close()

    def turns(self, count: int) -> Tenant:
        """Loads both, turn by turn; who has the records of the last turn."""
        turns = Turns([], [], [], [], [], [])
        warm = self.service.join("Warm")
        for number in range(count + 1):
            if number == 1:
                turns = Turns([], [], [], [], [], [])
            tenant = self.service.join(f"Turn{number}")
            # Makes the partition, and the key known at the edge.
            warm.send([b'{"message":"warm"}'])
            tenant.send([])
            self._turn_of_ours(tenant, turns)
            bodies = bodies_of(self._feed, self._records)
            cpu = self.raw.cpu_seconds()
            turns.raw.append(self._records / self.raw.load(bodies))
            turns.raw_servers_cpu.append(self.raw.cpu_seconds() - cpu)
            turns.parsing.append(parse_microseconds(self._feed))
        self._tell(turns)
        return tenant

    def _turn_of_ours(self, tenant: Tenant, turns: Turns) -> None:
        requests = requests_of(self._feed, 0, self._records, tenant.key)
        wanted = self.raw.count(self._ours) + self._records
        own, servers = cpu_seconds(self.service), self.raw.cpu_seconds()
        began = time.perf_counter()
        send_all(self.service.url, requests)
        self._wait_for(tenant, wanted)
        turns.ours.append(self._records / (time.perf_counter() - began))
        after = cpu_seconds(self.service)
        turns.own_cpu.append({name: used - own.get(name, 0) for name, used in after.items()})
        turns.servers_cpu.append(self.raw.cpu_seconds() - servers)

    def _wait_for(self, tenant: Tenant, wanted: int) -> None:
        """Looks past us until all seems to be there: our own answers would be part of what is
        measured. The last word is ours."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.raw.count(self._ours) < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError("the records are not found")
            time.sleep(POLL_SECONDS)
        while (found := tenant.count()) != self._records:
            if time.monotonic() > deadline or found > self._records:
                raise RuntimeError(f"{found} of {self._records} records are found")
            time.sleep(POLL_SECONDS)

    def _tell(self, turns: Turns) -> None:
        add, micros = self.report, 1e6 / self._records
        ratios = [ours / raw for ours, raw in zip(turns.ours, turns.raw, strict=True)]
        add.add(
            "until findable, through our API",
            statistics.median(turns.ours),
            "records/s",
            _all(turns.ours),
        )
        add.add(
            "until findable, bare _bulk", statistics.median(turns.raw), "records/s", _all(turns.raw)
        )
        add.at_least(
            "ours to bare", statistics.median(ratios), "", SHARE_OF_RAW, _all(ratios, digits=2)
        )
        for name in turns.own_cpu[-1]:
            used = [one.get(name, 0.0) * micros for one in turns.own_cpu]
            add.add(f"CPU of {name}", statistics.median(used), "µs/record", _all(used, digits=1))
        whole = [sum(one.values()) * micros for one in turns.own_cpu]
        add.at_most(
            "CPU of all our processes",
            statistics.median(whole),
            "µs/record",
            OWN_CPU_MICROSECONDS,
            _all(whole, digits=1),
        )
        add.add(
            "CPU of parsing a record once, for scale",
            statistics.median(turns.parsing),
            "µs/record",
            _all(turns.parsing, digits=1),
        )
        for name, seconds in (("ours", turns.servers_cpu), ("bare", turns.raw_servers_cpu)):
            used = [one * micros for one in seconds]
            add.add(
                f"CPU of Elasticsearch, {name}", statistics.median(used), "µs/record", _all(used)
            )

    def disk(self) -> None:
        """Both indices, after whatever merges Elasticsearch chose to make, which is a matter of luck;
        and when each is one segment, which compares what was written."""
        documents = self.raw.count(self.raw.index)
        for state, is_merged in (("as they are", False), ("merged", True)):
            sizes = []
            for indices in (self._ours, self.raw.index):
                self.raw.settle(indices, is_merged=is_merged)
                sizes.append(self.raw.disk_bytes(indices) / documents)
            ours, bare = sizes
            note = f"{ours:.0f}, {bare:.0f} B/record"
            if is_merged:
                self.report.at_most(
                    f"on disk, ours to bare, {state}", ours / bare, "", DISK_OF_RAW, note
                )
            else:
                self.report.add(f"on disk, ours to bare, {state}", ours / bare, "", note)

    def questions(self, tenant: Tenant, truth: Truth) -> None:
        """Each question through our API and as the requests that become of it, turn by turn."""
        questions = questions_of(self._feed, truth)
        recorded = self._recorded(tenant, questions)
        asker = Asker(self.service.url, tenant.key)
        medians = [
            self._compare(asker, question, requests)
            for question, requests in zip(questions, recorded, strict=True)
        ]
        ours, bare = (statistics.median(side) for side in zip(*medians, strict=True))
        self.report.at_most(
            "search median above bare, all questions",
            ours - bare,
            "ms",
            SEARCH_MS_ABOVE_RAW,
            f"{ours:.1f} ms, bare {bare:.1f} ms",
        )

    def _compare(
        self, asker: Asker, question: Question, requests: Sequence[Recorded]
    ) -> tuple[float, float]:
        """The median milliseconds through our API, and bare."""
        ours, raw = [], []
        wrong: str | None = None
        for _ in range(TURNS_A_QUESTION):
            timing = asker.time(question, times=1)
            ours.append(timing.median_ms)
            wrong = wrong or timing.wrong
            raw.append(self.raw.time(requests))
        median, bare = statistics.median(ours), statistics.median(raw)
        note = f"{median:.1f} ms, bare {bare:.1f} ms in {len(requests)} requests; "
        note += f"WRONG: {wrong}" if wrong else "right"
        self.report.at_most(
            f"query above bare: {question.name}", median - bare, "ms", SEARCH_MS_ABOVE_RAW, note
        )
        return median, bare

    def _recorded(self, tenant: Tenant, questions: Sequence[Question]) -> list[list[Recorded]]:
        """What becomes of each question: asked once with a recorder in between."""
        with Recorder(self._url) as recorder:
            self._restart(recorder.url)
            asker = Asker(self.service.url, tenant.key)
            recorded = []
            for question in questions:
                asker.ask(question)
                recorder.take()
                asker.ask(question)
                recorded.append(recorder.take())
        self._restart(self._url)
        return recorded

    def _restart(self, url: str) -> None:
        self.service.stop()
        self.service.environment["ELASTICSEARCH_HOSTS"] = url
        self.service.start()

    def crowd(self) -> None:
        """A thousand organisations on one node."""
        crowded = ratio_of_crowded_search(self._url, self._prefix)
        self.report.at_most("shards of 1,000 organisations", crowded.shards, "", SHARDS)
        self.report.at_most(
            "search among 1,000 organisations to among 10",
            crowded.ratio,
            "",
            CROWDED_RATIO,
            f"{crowded.many_ms:.2f} ms, {crowded.few_ms:.2f} ms",
        )

    def through(self, folder: Path) -> None:
        """The same way in without a journal, with a fifth of the records."""
        add_through_rate(
            self.report, self._url, self._prefix, folder, self._feed, self._records // 5
        )


def _all(values: Sequence[float], digits: int = 0) -> str:
    return ", ".join(f"{value:,.{digits}f}" for value in values)


def run(options: argparse.Namespace, feed: Feed, truth: Truth) -> Report:
    """Everything, in a directory that is removed afterwards."""
    url = os.environ["ELASTICSEARCH_HOSTS"]
    with tempfile.TemporaryDirectory(prefix="elk-vision-bench-", dir=options.dir) as folder:
        bench = ElasticBench(url, Path(folder), feed, options.records)
        try:
            bench.service.start()
            tenant = bench.turns(options.turns)
            bench.disk()
            # The rest takes longer: what is known already is told.
            report(bench.report.table())
            bench.questions(tenant, truth)
            bench.crowd()
            bench.service.stop()
            bench.through(Path(folder))
            if options.databases:
                add_config_rates(bench.report)
        except Exception:
            report("\n".join(bench.service.said[-50:]))
            raise
        finally:
            bench.close()
    return bench.report
