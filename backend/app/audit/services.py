"""Writing down who did what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.models import AuditEntry
from app.core.request_context import current_request
from app.core.scope import Scope


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
