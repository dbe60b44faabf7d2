"""Records for tests: everything has a default, a test names what it is about."""

from __future__ import annotations

from hashlib import blake2b
from itertools import count
from typing import Any
from uuid import UUID

import orjson

from app.core.ids import OrgId, uuid7_run, uuid_text
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, RoutedRecord, TimeRange
from tests.conformance.cast import ACME

# 2026-11-20T12:00:00Z, a Friday.
NOON_NS = 1_795_176_000 * NS_PER_SECOND
# The journal of a shipper, when there is but one.
JOURNAL = "018f3c00-0000-7000-8000-0000000000f0"
ALWAYS = TimeRange(0, 2**63 - 1)
AROUND = TimeRange(NOON_NS - NS_PER_DAY, NOON_NS + NS_PER_DAY)

_made_ids = map(uuid_text, count(uuid7_run(NOON_NS // 1_000_000)))


def a_record(
    message: str = "it happened",
    *,
    org_id: OrgId = ACME,
    at: int = NOON_NS,
    received: int = NOON_NS,
    stream: str = "default",
    retention_class: int = 30,
    attributes: dict[str, Any] | None = None,
    **fields: Any,
) -> RoutedRecord:
    """A record with an id made by us."""
    built_in: dict[str, Any] = dict.fromkeys(
        ("level", "level_number", "service", "host", "environment", "logger", "trace_id", "span_id")
    )
    identity = {
        "id": next(_made_ids),
        "is_sent": False,
        "first_wins": False,
        "digest": b"",
    }
    return RoutedRecord(
        org_id=org_id,
        retention_class=retention_class,
        stream=stream,
        observed_ns=received,
        timestamp_ns=at,
        message=message,
        attributes=attributes or {},
        **(built_in | identity | fields),
    )


def a_sent_record(sent_id: str, message: str = "it happened", **fields: Any) -> RoutedRecord:
    """A record with an id of the sender's; its digest follows from id, message and attributes."""
    content = orjson.dumps([sent_id, message, fields.get("attributes")])
    digest = fields.pop("digest", blake2b(content, digest_size=16).digest())
    return a_record(message, id=sent_id, is_sent=True, digest=digest, **fields)


def an_org(number: int) -> OrgId:
    """One of many organisations."""
    return OrgId(UUID(int=(0x018F3C01 << 96) | (7 << 76) | (2 << 62) | number))
