"""Stored records as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.logs.instants import instant_text
from app.logstore.types import StoredRecord

Spans = Sequence[tuple[int, int]]


def record_row(record: StoredRecord) -> dict[str, Any]:
    """One record, keys in the order of the contract."""
    row: dict[str, Any] = {
        "id": record.id,
        "@timestamp": instant_text(record.timestamp_ns),
        "observed_at": instant_text(record.observed_ns),
        "message": record.message,
        "level": record.level,
        "level_number": record.level_number,
        "service": record.service,
        "host": record.host,
        "environment": record.environment,
        "logger": record.logger,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "stream": record.stream,
        "attributes": record.attributes,
    }
    if record.not_indexed:
        row["_not_indexed"] = record.not_indexed
    return row


def hit_row(record: StoredRecord, spans: Spans) -> dict[str, Any]:
    """A record on a page of a search: with the places in `message` that made it match."""
    row = record_row(record)
    row["highlight"] = {"message": spans}
    return row
