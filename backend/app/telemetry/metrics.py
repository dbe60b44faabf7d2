"""The metrics of all processes of a group, gathered through files that each of them writes.

PROMETHEUS_MULTIPROC_DIR must be set before prometheus_client is first imported: the settings do it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from app.core.errors import ElkError

log = structlog.get_logger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST

REQUEST_SECONDS = Histogram(
    "elkv_web_request_seconds",
    "Time from the first byte for Django to the answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REQUESTS = Counter("elkv_web_requests", "Answers of Django", ["method", "route", "status"])

_FILE = re.compile(r"(?P<kind>[a-z_]+)_(?P<pid>\d+)\.db")
_DEAD_KEPT = 32

# A name, what it says, its value now, and labels if it has any: read at each scrape, by whoever
# answers it.
Reading = tuple[str, str, float] | tuple[str, str, float, Mapping[str, str]]
_readers: list[Callable[[], Iterable[Reading]]] = []


def read_at_scrape(reader: Callable[[], Iterable[Reading]]) -> None:
    """Has `reader` asked whenever metrics are: for what is known to a file, not to a process. While
    it cannot say, its metrics are missing and the others are there."""
    if reader not in _readers:
        _readers.append(reader)


def exposition(directory: Path) -> bytes:
    """Everything in Prometheus' text format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    registry.register(_Readings())
    return generate_latest(registry)


def forget_dead_processes(directory: Path) -> None:
    """Removes what processes that ended left behind: gauges, which nobody updates any more, at
    once; sums, which still count, when there are too many of them."""
    dead: list[Path] = []
    for path in directory.glob("*.db"):
        match = _FILE.fullmatch(path.name)
        if match is None or _is_alive(int(match["pid"])):
            continue
        if match["kind"].startswith("gauge_live"):
            path.unlink(missing_ok=True)
        else:
            dead.append(path)
    dead.sort(key=_modified_at, reverse=True)
    for path in dead[_DEAD_KEPT:]:
        path.unlink(missing_ok=True)


def forget_former_processes(directory: Path) -> None:
    """At the start of a group: removes everything that processes before it left behind. Others of
    the same directory that live keep theirs."""
    for path in directory.glob("*.db"):
        match = _FILE.fullmatch(path.name)
        if match is not None and not _is_alive(int(match["pid"])):
            path.unlink(missing_ok=True)


class _Readings(Collector):
    @override
    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for reader in _readers:
            try:
                readings = list(reader())
            except (ElkError, OSError) as error:
                # Whoever looks because something is wrong needs the other metrics all the more.
                log.warning("metrics_reader_failed", reader=reader.__name__, error=str(error))
                continue
            for name, documentation, value, *others in readings:
                labels = others[0] if others else {}
                family = families.setdefault(
                    name, GaugeMetricFamily(name, documentation, labels=list(labels))
                )
                family.add_metric(list(labels.values()), value)
        yield from families.values()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
