"""`make bench`: starts the service over an empty directory, loads it, asks it, prints a table.

Everything is measured from outside over HTTP, the senders on the same cores as the service.
`--store elastic` compares the service over Elasticsearch with Elasticsearch alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.cli.demo.generator import Feed
from app.cli.demo.truth import Truth, truth_of
from tests.benchmarks import elastic
from tests.benchmarks.load import requests_of, send_all
from tests.benchmarks.marks import (
    ACCEPTED_PER_SECOND,
    ANONYMOUS_BYTES,
    BYTES_PER_RECORD,
    FINDABLE_PER_SECOND,
    Report,
)
from tests.benchmarks.processes import MIB, cpu_seconds, disk_bytes, memory_of, parse_microseconds
from tests.benchmarks.questions import PREDICATES, Asker, questions_of
from tests.benchmarks.tenants import FINDABLE_SECONDS, PER_SECOND, run_crowd
from tests.process.service import Service, Tenant, report

HISTORY_NS = 6 * 3_600 * 1_000_000_000
POLL_SECONDS = 0.1
BACKLOG_RECORDS = 100_000
PATIENCE_SECONDS = 600.0


@dataclass(slots=True)
class Bench:
    """One run: the service, what is asked of it, and what was measured so far."""

    service: Service
    feed: Feed
    records: int
    report: Report

    def burst(self, tenant: Tenant) -> None:
        """Everything as fast as it is taken, then until the last one is found."""
        requests = requests_of(self.feed, 0, self.records, tenant.key)
        cpu = cpu_seconds(self.service)
        own = _own_cpu()
        began = time.perf_counter()
        sent = send_all(self.service.url, requests)
        sender_us = (_own_cpu() - own) / self.records * 1e6
        self._wait_for(tenant, self.records)
        findable = time.perf_counter() - began
        add = self.report
        rate = sent.records / sent.seconds
        add.at_least("accepted over HTTP", rate, "records/s", ACCEPTED_PER_SECOND)
        add.add("accepted over HTTP", sent.record_bytes / sent.seconds / 1e6, "MB/s")
        add.add("requests refused meanwhile", sent.refused, "")
        add.at_least(
            "until findable, burst", self.records / findable, "records/s", FINDABLE_PER_SECOND
        )
        after = cpu_seconds(self.service)
        for name, seconds in after.items():
            add.add(
                f"CPU of {name}", (seconds - cpu.get(name, 0)) / self.records * 1e6, "µs/record"
            )
        add.add("CPU of the senders", sender_us, "µs/record")
        scale = parse_microseconds(self.feed)
        add.add("CPU of parsing a record once, for scale", scale, "µs/record")

    def sustained(self, tenant: Tenant) -> None:
        """A stream that is only let in as fast as it comes out."""
        requests = requests_of(self.feed, self.records, self.records, tenant.key)
        gate = _Gate(tenant)
        began = time.perf_counter()
        send_all(self.service.url, requests, may_go_on=gate.may_go_on)
        self._wait_for(tenant, self.records)
        seconds = time.perf_counter() - began
        self.report.at_least(
            "until findable, sustained", self.records / seconds, "records/s", FINDABLE_PER_SECOND
        )

    def memory(self, moment: str) -> None:
        total = anonymous = 0
        for name, memory in memory_of(self.service).items():
            total += memory.resident
            anonymous += memory.anonymous
            note = f"RssAnon {memory.anonymous / MIB:.0f} MiB"
            self.report.add(f"memory of {name}, {moment}", memory.resident / MIB, "MiB RSS", note)
        self.report.at_most(
            f"RssAnon of the group, {moment}", anonymous / MIB, "MiB", ANONYMOUS_BYTES / MIB
        )
        self.report.add(f"RSS of the group, {moment}", total / MIB, "MiB")

    def disk(self, records: int) -> None:
        data = self.service.data_dir
        logs = disk_bytes(data / "logs")
        self.report.at_most("on disk, logs", logs / records, "B/record", BYTES_PER_RECORD)
        self.report.add("on disk, journal file", disk_bytes(data / "journal") / MIB, "MiB")

    def questions(self, tenant: Tenant, truth: Truth) -> None:
        asker = Asker(self.service.url, tenant.key)
        for question in questions_of(self.feed, truth):
            timing = asker.time(question)
            note = f"p99 {timing.p99_ms:.1f} ms"
            note += f"; WRONG: {timing.wrong}" if timing.wrong else "; right"
            self.report.at_most(
                f"query: {timing.name}", timing.median_ms, "ms", timing.mark_ms, note
            )

    def crowd(self, organisations: int, seconds: int) -> None:
        crowd = run_crowd(self.service, organisations, seconds)
        name = f"{organisations} organisations, 10/s each, {seconds} s"
        add = self.report
        add.at_most(f"{name}: worst until findable", crowd.worst_findable, "s", FINDABLE_SECONDS)
        add.add(f"{name}: median until findable", crowd.median_findable, "s")
        add.at_most(f"{name}: lost", crowd.lost, "records", 0)
        rate, wanted = crowd.sent / crowd.seconds, organisations * PER_SECOND
        add.at_least(f"{name}: sent", rate, "records/s", 0.9 * wanted)
        add.at_most(
            f"{name}: most RssAnon", crowd.most_anonymous / MIB, "MiB", ANONYMOUS_BYTES / MIB
        )

    def _wait_for(self, tenant: Tenant, records: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := tenant.count()) != records:
            if time.monotonic() > deadline or found > records:
                raise RuntimeError(f"{found} of {records} records are found")
            time.sleep(POLL_SECONDS)


class _Gate:
    """Lets senders go on while what is acknowledged and not yet found stays below a limit."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._let_in = 0
        self._found = 0
        self._looked = 0.0

    def may_go_on(self) -> bool:
        if self._let_in - self._found >= BACKLOG_RECORDS:
            if time.monotonic() - self._looked > POLL_SECONDS:
                self._looked = time.monotonic()
                self._found = self._tenant.count()
            return False
        self._let_in += 1_000
        return True


def _own_cpu() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


def main() -> int:
    options = _options()
    feed = Feed(options.seed, 0, HISTORY_NS // options.records)
    feed = Feed(options.seed, time.time_ns() - HISTORY_NS, feed.step_ns)
    report(f"{options.records} records of the generator, seed {options.seed}; counting the truth")
    truth = truth_of(feed, options.records, PREDICATES)
    made = (
        elastic.run(options, feed, truth)
        if options.store == "elastic"
        else _run(options, feed, truth)
    )
    report(made.table())
    about = {"records": options.records, "seed": options.seed, "cores": os.cpu_count()}
    made.write(options.json, {**about, "store": options.store})
    report(f"also in {options.json}; missed: {', '.join(made.missed) or 'nothing'}")
    return 0


def _run(options: argparse.Namespace, feed: Feed, truth: Truth) -> Report:
    with tempfile.TemporaryDirectory(prefix="elk-vision-bench-", dir=options.dir) as folder:
        service = Service(Path(folder) / "data", LOG_STORE="embedded")
        bench = Bench(service, feed, options.records, Report())
        try:
            bench.report.add("first start until it listens", service.start(), "s")
            _measure(bench, truth, options)
            bench.report.add("stopped in", service.stop(), "s")
            bench.report.at_most("second start until it listens", service.start(), "s", 5)
            service.stop()
        except Exception:
            report("\n".join(service.said[-50:]))
            raise
        finally:
            service.close()
    return bench.report


def _measure(bench: Bench, truth: Truth, options: argparse.Namespace) -> None:
    tenant, other = bench.service.join("Bench"), bench.service.join("Sustained")
    tenant.send([])
    bench.burst(tenant)
    bench.memory("after the burst")
    bench.questions(tenant, truth)
    bench.sustained(other)
    bench.memory("after all")
    bench.disk(2 * bench.records)
    if options.organisations:
        bench.crowd(options.organisations, options.seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make bench", description=__doc__)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument(
        "--store",
        choices=("embedded", "elastic"),
        default=os.environ.get("LOG_STORE", "embedded"),
        help="elastic: beside the bare server at ELASTICSEARCH_HOSTS",
    )
    parser.add_argument("--turns", type=int, default=3, help="elastic: how often each is loaded")
    parser.add_argument(
        "--databases",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="elastic: also MongoDB at MONGO_HOST beside SQLite",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--organisations", type=int, default=1_000, help="0: leave them out")
    parser.add_argument("--seconds", type=int, default=60, help="how long the organisations send")
    parser.add_argument("--json", type=Path, default=Path("../bench.json"))
    parser.add_argument("--dir", type=Path, default=None, help="where the data goes meanwhile")
    return parser.parse_args()


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # What was started and made is ended and removed also when somebody ends the run.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
