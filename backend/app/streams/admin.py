"""Streams in the admin: to look."""

from __future__ import annotations

from django.contrib import admin

from app.core.admin_pages import ReadOnlyPages
from app.streams.models import Stream


@admin.register(Stream)
class StreamPages(ReadOnlyPages):
    """Where records go."""

    list_display = ("name", "organisation", "retention_days", "created_at")
    search_fields = ("name",)
