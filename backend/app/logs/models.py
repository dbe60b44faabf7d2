"""The models of logs, private to it."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from app.core.tenancy import TenantModel


class HeldSearch(TenantModel):
    """A query too long for a cursor, kept under its digest until the last of its cursors expires."""

    digest = models.CharField(max_length=32)
    query = models.TextField()
    stream = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "digest"], name="held_search_once"),
        ]
        indexes = [
            models.Index(fields=["organisation", "-expires_at", "-id"], name="held_search_newest")
        ]

    @override
    def __str__(self) -> str:
        return self.digest


class Replay(TenantModel):
    """The mark on a quarantined entry that somebody sent again: at most one per entry.

    `entry_key` stands for the entry's id, which may be any text. `text` is what is sent, kept only
    until the journal has it (`done_at`): whoever finishes a replay that was cut off sends the same.
    """

    entry_key = models.CharField(max_length=32)
    record_id = models.CharField(max_length=512)
    text = models.TextField(blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "entry_key"], name="replay_once"),
        ]
        indexes = [models.Index(fields=["organisation", "begun_at"], name="replay_begun")]

    @override
    def __str__(self) -> str:
        return self.entry_key
