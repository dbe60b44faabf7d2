"""Writing down who did what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.audit.metrics import ENTRIES_FORGOTTEN
from app.audit.models import AuditEntry
from app.core.ids import uuid7_floor
from app.core.request_context import current_request
from app.core.scope import Scope

_CHUNK = 1_000


def record(
    scope: Scope,
    *,
    action: str,
    subject: tuple[str, UUID],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Adds an entry: `action` in the past tense (`api_key_created`), `subject` its kind and id.

    Call it in the transaction of the change itself. `before` and `after` hold JSON values and never
    a secret: no key, no token, no password, nor a hash of one.
    """
    request = current_request()
    AuditEntry.objects.create_for(
        scope,
        actor_kind=scope.actor.kind.value,
        actor_id=scope.actor.id,
        action=action,
        subject_kind=subject[0],
        subject_id=str(subject[1]),
        before=None if before is None else dict(before),
        after=None if after is None else dict(after),
        request_id=request.request_id,
        address=request.address,
    )


def forget_entries(*, before: datetime, most: int) -> int:
    """Deletes entries of everybody that are older, the oldest first and at most about `most`; how
    many that were. Whoever writes meanwhile waits for a thousand of them, not for all."""
    # Ids sort by time, and every database has an index of them.
    old = AuditEntry.objects.of_everybody().filter(
        id__lt=uuid7_floor(int(before.timestamp() * 1000))
    )
    deleted = 0
    while deleted < most:
        chunk = list(old.order_by("id").values_list("pk", flat=True)[:_CHUNK])
        deleted += AuditEntry.objects.of_everybody().filter(pk__in=chunk).delete()[0]
        if len(chunk) < _CHUNK:
            break
    ENTRIES_FORGOTTEN.inc(deleted)
    return deleted
