"""What the processes of a group use: processor time, memory, disk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil

from app.cli.demo.generator import Feed, lines
from tests.process.service import Service

MIB = 1 << 20
_PARSED = 100
_TIMES = 500


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. `anonymous` cannot be given back; the rest of `resident` is mapped files."""

    resident: int
    anonymous: int


def named(service: Service) -> dict[str, psutil.Process]:
    """Every process of the group by name."""
    found = {"supervisor": service.supervisor, **service.parts()}
    known = {process.pid for process in found.values()}
    for child in service.supervisor.children(recursive=True):
        if child.pid not in known:
            found[f"child {child.pid}"] = child
    return found


def cpu_seconds(service: Service) -> dict[str, float]:
    """Processor time of each process so far."""
    seconds = {}
    for name, process in named(service).items():
        times = process.cpu_times()
        seconds[name] = times.user + times.system
    return seconds


def parse_microseconds(feed: Feed) -> float:
    """Processor time of orjson for a record: how fast this machine is at this moment."""
    parsed = list(lines(feed, 0, _PARSED))
    before = time.process_time()
    for _ in range(_TIMES):
        for line in parsed:
            orjson.loads(line)
    return (time.process_time() - before) / (_PARSED * _TIMES) * 1e6


def memory_of(service: Service) -> dict[str, Memory]:
    """Memory of each process now."""
    return {name: _memory(process.pid) for name, process in named(service).items()}


def _memory(pid: int) -> Memory:
    numbers = {}
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            numbers[name] = int(value.split()[0]) * 1024
    return Memory(numbers["VmRSS"], numbers["RssAnon"])


def anonymous_bytes(service: Service) -> int:
    """RssAnon of the whole group."""
    return sum(memory.anonymous for memory in memory_of(service).values())


def disk_bytes(folder: Path) -> int:
    """What the files of a folder occupy, as the file system counts."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
