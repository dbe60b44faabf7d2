"""What an entry of an organisation's quarantine is, whoever makes it."""

from __future__ import annotations

from typing import Any

from app.core.ids import OrgId
from app.logstore.types import QUARANTINE_STREAM, RoutedRecord

RETENTION_CLASS = 14
MAX_MESSAGE = 2_000


def quarantine_entry(
    org_id: OrgId, entry_id: str, *, received_ns: int, message: str, attributes: dict[str, Any]
) -> RoutedRecord:
    """The beginning of `message`, and `attributes`: why it is here, and what was sent as text. None
    of the fields that are read from a record, for any of them may be what is wrong with it."""
    return RoutedRecord(
        org_id=org_id,
        retention_class=RETENTION_CLASS,
        stream=QUARANTINE_STREAM,
        id=entry_id,
        is_sent=False,
        first_wins=False,
        digest=b"",
        observed_ns=received_ns,
        timestamp_ns=received_ns,
        message=message[:MAX_MESSAGE],
        level=None,
        level_number=None,
        service=None,
        host=None,
        environment=None,
        logger=None,
        trace_id=None,
        span_id=None,
        attributes=attributes,
    )
