"""What is kept of a record that Elasticsearch can never take as it is."""

from __future__ import annotations

import orjson

from app.logstore.types import QUARANTINE_STREAM, RoutedRecord

REASON = "not_storable"
_RETENTION_CLASS = 14
_MAX_MESSAGE = 2_000


def quarantined(record: RoutedRecord, detail: str) -> RoutedRecord:
    """The record as an entry of the organisation's quarantine: as text, with the reason.

    The shipper makes such entries of what `append` reports; this is for what turns out later.
    """
    raw = orjson.dumps(record._asdict() | {"org_id": str(record.org_id), "digest": ""}, default=str)
    return record._replace(
        retention_class=_RETENTION_CLASS,
        stream=QUARANTINE_STREAM,
        message=record.message[:_MAX_MESSAGE],
        level=None,
        level_number=None,
        service=None,
        host=None,
        environment=None,
        logger=None,
        trace_id=None,
        span_id=None,
        attributes={
            "reason": REASON,
            "detail": detail,
            "source": "store",
            "stream": record.stream,
            "raw": raw.decode(),
        },
    )
