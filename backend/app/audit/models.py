"""The models of audit, private to it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from typing_extensions import override

from app.core.clock import utc_now
from app.core.errors import Broken
from app.core.tenancy import OpenTenantManager, TenantModel


class AuditEntry(TenantModel):
    """Who did what to which thing. Written once, never changed; deleted when it is too old."""

    at = models.DateTimeField(default=utc_now, editable=False)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=128, blank=True)
    address = models.CharField(max_length=45, blank=True)

    # For forgetting what is too old, whoever did it.
    objects: ClassVar[OpenTenantManager[AuditEntry]] = OpenTenantManager()

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["organisation", "-id"], name="audit_newest")]

    @override
    def __str__(self) -> str:
        return f"{self.action} {self.subject_kind} {self.subject_id}"

    @override
    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Broken("an audit entry is never changed")
        super().save(*args, **kwargs)

    @override
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise Broken("an audit entry is never deleted by itself")
