"""The models of ingest, private to it."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from app.core.clock import utc_now
from app.core.tenancy import TenantModel


class DeclaredName(TenantModel):
    """A template, policy, pipeline or alias that a shipper declared.

    The body is kept as JSON text: what shippers send may hold keys and numbers that no database
    keeps as they are.
    """

    kind = models.CharField(max_length=32)
    name = models.CharField(max_length=255)
    body = models.TextField()
    body_bytes = models.PositiveIntegerField()
    changed_at = models.DateTimeField(default=utc_now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "name"], name="one_declared_name_of_a_kind"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
