"""Making streams."""

from __future__ import annotations

from app.core.scope import Scope
from app.logstore.types import DEFAULT_STREAM
from app.streams.models import Stream


def add_default_stream(scope: Scope) -> None:
    """The stream that every organisation has, made with it; kept as long as RETENTION_DAYS says."""
    Stream.objects.create_for(scope, name=DEFAULT_STREAM)
