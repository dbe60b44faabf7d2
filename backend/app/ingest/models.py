"""The models of ingest, private to it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from app.core.clock import utc_now
from app.core.tenancy import OpenTenantManager, TenantModel


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


class IngestQuota(TenantModel):
    """What one organisation may send, where that is not what the settings say for all. 0: as much
    as it likes."""

    records_per_second = models.PositiveBigIntegerField(default=0)
    bytes_per_day = models.PositiveBigIntegerField(default=0)
    changed_at = models.DateTimeField(default=utc_now)

    # The edge needs all of them, before anybody has asked for anything.
    objects: ClassVar[OpenTenantManager[IngestQuota]] = OpenTenantManager()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organisation"], name="one_ingest_quota")]

    @override
    def __str__(self) -> str:
        return f"{self.records_per_second} records/s, {self.bytes_per_day} bytes/day"
