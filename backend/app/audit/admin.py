"""The audit in the admin: to read."""

from __future__ import annotations

from django.contrib import admin

from app.audit.models import AuditEntry
from app.core.admin_pages import ReadOnlyPages


@admin.register(AuditEntry)
class AuditEntryPages(ReadOnlyPages):
    """Who did what."""

    list_display = ("at", "action", "actor_kind", "actor_id", "organisation", "address")
    list_filter = ("action",)
    search_fields = ("action", "actor_id", "subject_id", "request_id")
