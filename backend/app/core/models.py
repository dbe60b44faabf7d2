"""The models of core, private to it."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from app.core.fields import UUIDModel


class DueWork(UUIDModel):
    """Something that has to be done at a time, and again at a later one; see `app.core.due_work`.

    `claimable_at` is when the next one may take it: when it is due, or when the lease of its holder
    ends. So one index answers what is to be done.
    """

    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=128)
    due_at = models.DateTimeField()
    claimable_at = models.DateTimeField()
    holder = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="one_due_work")]
        indexes = [models.Index(fields=["kind", "claimable_at", "id"], name="due_work_claimable")]

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
