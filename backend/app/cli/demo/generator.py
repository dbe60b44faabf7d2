"""Records that look like a shop's: each is a pure function of seed, start and its number.

So any slice can be made by anybody, in any order, and the truth about all of them be counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from app.cli.demo import catalogue

_MASK = (1 << 64) - 1
_NS = 1_000_000_000
_SERVICES = {service.name: service for service in catalogue.SERVICES}
_TABLE_MASK = catalogue.TABLE_SIZE - 1


@dataclass(frozen=True, slots=True)
class Feed:
    """Which records: record i happened at `start_ns + i * step_ns`."""

    seed: int
    start_ns: int
    step_ns: int


class DemoRecord(NamedTuple):
    """One made-up record."""

    timestamp_ns: int
    level: str
    service: str
    host: str
    message: str
    trace_id: str
    span_id: str
    request_id: str
    method: str
    path: str
    status: int
    latency_ms: float
    user_id: str
    region: str
    client_ip: str
    sent_bytes: int


def mixed(seed: int, number: int) -> int:
    """64 well-mixed bits of the two numbers (the finaliser of splitmix64)."""
    value = (seed * 0xD1342543DE82EF95 + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def trace_id_of(seed: int, index: int) -> str:
    """The trace of record `index`; neighbours share it."""
    trace = index // catalogue.TRACE_RECORDS
    return f"{mixed(seed ^ 0x5EED, trace):016x}{mixed(seed ^ 0x7ACE, trace):016x}"


def record_at(feed: Feed, index: int) -> DemoRecord:
    """Record number `index` of the feed."""
    bits = mixed(feed.seed, index)
    more = mixed(~feed.seed & _MASK, index)
    service = _SERVICES[catalogue.SERVICE_TABLE[bits & _TABLE_MASK]]
    level = catalogue.LEVEL_TABLE[bits >> 10 & _TABLE_MASK]
    statuses = catalogue.STATUS_OF_LEVEL[level]
    path = service.paths[(bits >> 20 & 255) % len(service.paths)]
    factor = catalogue.LATENCY_FACTORS[bits >> 28 & _TABLE_MASK]
    latency_ms = round(service.typical_ms * factor, 2)
    user_id = f"u-{(more & 0xFFFFFFFF) % catalogue.USERS:06d}"
    status = statuses[(bits >> 38 & 255) % len(statuses)]
    method = catalogue.METHODS[bits >> 46 & 7]
    order = more >> 32 & 0xFFFFF
    return DemoRecord(
        timestamp_ns=feed.start_ns + index * feed.step_ns,
        level=level,
        service=service.name,
        host=f"{service.name}-{bits >> 49 & 3}",
        message=_message(feed, index, (level, method, path, status, latency_ms, order)),
        trace_id=trace_id_of(feed.seed, index),
        span_id=f"{bits ^ more:016x}",
        request_id=f"req-{more:016x}",
        method=method,
        path=path,
        status=status,
        latency_ms=latency_ms,
        user_id=user_id,
        region=catalogue.REGIONS[bits >> 51 & 3],
        client_ip=f"10.{more >> 52 & 255}.{more >> 44 & 255}.{more >> 36 & 255}",
        sent_bytes=200 + (more >> 20 & 0x3FFF),
    )


def _message(feed: Feed, index: int, about: tuple[str, str, str, int, float, int]) -> str:
    level, method, path, status, latency_ms, order = about
    if index % catalogue.RARE_EVERY == feed.seed % catalogue.RARE_EVERY:
        return (
            f"checksum of segment {order} differs, {catalogue.RARE_WORD} engaged for order {order}"
        )
    if level in ("info", "debug"):
        return (
            f"{method} {path} answered {status} in {latency_ms} ms for order {order:06d} of the day"
        )
    if level == "warn":
        return f"{method} {path} refused with {status}: order {order:06d} is not in a state for this call"
    choice = order & 7
    if choice < 3:
        return f"upstream db-{choice} {catalogue.PHRASE} after {choice + 1} attempts, order {order:06d} is kept for later"
    if choice == 7:
        return (
            f"StockTimeout: reservation {order:06d} took {latency_ms} ms\n{catalogue.STACK_TRACE}"
        )
    return (
        f"{method} {path} failed with {status} after {latency_ms} ms, order {order:06d} rolled back"
    )


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def timestamp_text(timestamp_ns: int) -> str:
    """RFC 3339 with nine fraction digits."""
    return f"{_second_text(timestamp_ns // _NS)}.{timestamp_ns % _NS:09d}Z"


def line_of(record: DemoRecord) -> bytes:
    """The record as one line of NDJSON, without the newline."""
    message = record.message
    if "\n" in message:
        message = message.replace('"', '\\"').replace("\n", "\\n")
    return (
        f'{{"@timestamp":"{timestamp_text(record.timestamp_ns)}","level":"{record.level}",'
        f'"service":"{record.service}","host":"{record.host}","environment":"production",'
        f'"message":"{message}","trace_id":"{record.trace_id}",'
        f'"span_id":"{record.span_id}","request_id":"{record.request_id}",'
        f'"method":"{record.method}","path":"{record.path}","status":{record.status},'
        f'"latency_ms":{record.latency_ms},"bytes":{record.sent_bytes},'
        f'"user":{{"id":"{record.user_id}"}},"region":"{record.region}",'
        f'"client_ip":"{record.client_ip}"}}'
    ).encode()


def lines(feed: Feed, first: int, count: int) -> Iterator[bytes]:
    """The lines of records `first` to `first + count - 1`."""
    return (line_of(record_at(feed, index)) for index in range(first, first + count))
