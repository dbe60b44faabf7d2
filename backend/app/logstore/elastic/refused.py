"""What is kept of a record that Elasticsearch can never take as it is."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from app.logstore.identity import derived_id
from app.logstore.quarantine import quarantine_entry
from app.logstore.types import RoutedRecord

REASON = "not_storable"
# What is kept of a record that is too large even for quarantine.
CUT_CHARACTERS = 64 << 10
_MAX_SHOWN = 512


def quarantined(record: RoutedRecord, detail: str) -> RoutedRecord:
    """The record as an entry of the organisation's quarantine: as text, with the reason.

    The shipper makes such entries of what `append` reports; this is for what turns out later. Nothing
    of the record but its text is in the entry, for any part may be what was rejected, and its id is
    the same whenever it is made of the same record.
    """
    raw = orjson.dumps(record._asdict() | {"org_id": str(record.org_id), "digest": ""}, default=str)
    return quarantine_entry(
        record.org_id,
        derived_id(record.org_id, record.id, blake2b(raw, digest_size=16).digest()),
        received_ns=record.observed_ns,
        message=record.message,
        attributes={
            "reason": REASON,
            "detail": detail,
            "source": "store",
            "stream": record.stream[:_MAX_SHOWN],
            "sent_id": record.id[:_MAX_SHOWN],
            "raw": raw.decode(),
        },
    )


def cut(entry: RoutedRecord) -> RoutedRecord:
    """An entry of quarantine with the beginning of its text, and how much that was."""
    raw: str = entry.attributes["raw"]
    return entry._replace(
        attributes={
            **entry.attributes,
            "raw": raw[:CUT_CHARACTERS],
            "raw_characters": len(raw),
        }
    )
