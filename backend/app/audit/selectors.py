"""Questions about who did what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.audit.models import AuditEntry
from app.core.pagination import Listing, ListRequest, list_page
from app.core.scope import Scope


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """One entry."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: str
    action: str
    subject_kind: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    address: str


def list_audit_entries(scope: Scope, asked: ListRequest) -> Listing[AuditFacts]:
    """The organisation's entries, newest first."""
    return list_page(
        AuditEntry.objects.for_scope(scope),
        asked,
        _facts_of,
        search_in=("action", "subject_id"),
        order_by=("-id",),
    )


def _facts_of(row: AuditEntry) -> AuditFacts:
    return AuditFacts(
        id=row.id,
        at=row.at,
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        action=row.action,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        before=row.before,
        after=row.after,
        request_id=row.request_id,
        address=row.address,
    )
