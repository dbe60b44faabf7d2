"""Records for the bus, of Acme and of Globex."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.core.ids import OrgId, uuid7
from app.logstore.types import RoutedRecord

ACME = OrgId(UUID(int=0xAC))
GLOBEX = OrgId(UUID(int=0x61))


def record(
    org_id: OrgId,
    message: str,
    *,
    attributes: dict[str, Any] | None = None,
    stream: str = "default",
) -> RoutedRecord:
    return RoutedRecord(
        org_id=org_id,
        retention_class=30,
        stream=stream,
        id=str(uuid7()),
        is_sent=False,
        first_wins=False,
        digest=b"",
        observed_ns=1_795_000_000_000_000_001,
        timestamp_ns=1_795_000_000_000_000_000,
        message=message,
        level="info",
        level_number=9,
        service="shop",
        host=None,
        environment=None,
        logger=None,
        trace_id=None,
        span_id=None,
        attributes=attributes or {},
    )
