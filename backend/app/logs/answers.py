"""What searches answer with, before it becomes JSON."""

from __future__ import annotations

from dataclasses import dataclass

from app.logs.highlighting import Spans
from app.logs.histogram import Bucket
from app.logstore.types import StoredRecord, Table, TimeRange


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """One page. `spans` has the places in `message` of each record, in the same order."""

    records: tuple[StoredRecord, ...]
    spans: tuple[Spans, ...]
    total: int
    timed_out: bool
    skipped: tuple[str, ...]
    range: TimeRange
    next_cursor: str | None
    took_ms: int


@dataclass(frozen=True, slots=True)
class HistogramAnswer:
    """All buckets of the range, empty ones included."""

    interval_ns: int
    buckets: tuple[Bucket, ...]
    range: TimeRange
    timed_out: bool
    skipped: tuple[str, ...]
    took_ms: int


@dataclass(frozen=True, slots=True)
class TableAnswer:
    """The table of an aggregation."""

    table: Table
    range: TimeRange
    took_ms: int
