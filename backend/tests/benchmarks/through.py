"""What a web process takes in that has no journal: each request waits until its records can be found."""

from __future__ import annotations

import statistics
from pathlib import Path

from app.cli.demo.generator import Feed
from tests.benchmarks.load import CONNECTIONS, requests_of, send_all
from tests.benchmarks.marks import Report
from tests.benchmarks.processes import cpu_seconds
from tests.process.service import Service

TURNS = 3


def add_through_rate(
    report: Report, url: str, prefix: str, folder: Path, feed: Feed, records: int
) -> None:
    """Sends the records turn by turn with `JOURNAL_MODE=through`; the first turn is not counted."""
    service = Service(
        folder / "through",
        LOG_STORE="elastic",
        ELASTICSEARCH_HOSTS=url,
        ELASTICSEARCH_INDEX_PREFIX=prefix,
        JOURNAL_MODE="through",
    )
    rates, used = [], []
    try:
        service.start()
        for number in range(TURNS + 1):
            tenant = service.join(f"Through{number}")
            tenant.send([])
            before = cpu_seconds(service)
            sent = send_all(service.url, requests_of(feed, 0, records, tenant.key))
            after = cpu_seconds(service)
            if (found := tenant.count()) != records:
                raise RuntimeError(f"{found} of {records} records are found")
            if number:
                rates.append(records / sent.seconds)
                used.append(sum(after.values()) - sum(before.values()))
    finally:
        service.close()
    note = f"{CONNECTIONS} connections, " + ", ".join(f"{rate:,.0f}" for rate in rates)
    report.add("until findable, without a journal", statistics.median(rates), "records/s", note)
    micros = statistics.median(used) * 1e6 / records
    report.add("CPU of all our processes, without a journal", micros, "µs/record")
