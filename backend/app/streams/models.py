"""The models of streams, private to it."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from app.core.clock import utc_now
from app.core.tenancy import TenantModel

NAME_LENGTH = 63


class Stream(TenantModel):
    """Where records of an organisation go, and how long they stay.

    `retention_days` may be null: then the installation's RETENTION_DAYS holds, also when it
    changes later.
    """

    name = models.SlugField(max_length=NAME_LENGTH)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="one_stream_of_a_name")
        ]

    @override
    def __str__(self) -> str:
        return self.name
