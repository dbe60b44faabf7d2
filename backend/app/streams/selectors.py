"""Questions about streams."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from app.core.ids import OrgId
from app.core.scope import system_scope
from app.logstore.schema import retention_class
from app.logstore.types import DEFAULT_STREAM, RETENTION_CLASSES
from app.streams.models import Stream


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """Where a record goes, and its retention class in days."""

    name: str
    retention_class: int


def stream_target(org_id: OrgId, name: str) -> StreamTarget | None:
    """The stream of this name; `None` when the organisation has none.

    `default` is always there, whatever became of its row.
    """
    rows = Stream.objects.for_scope(system_scope(org_id, "routing"))
    days = list(rows.filter(name=name).values_list("retention_days", flat=True))
    if not days and name != DEFAULT_STREAM:
        return None
    own = days[0] if days else None
    return StreamTarget(name, retention_class(own or settings.RETENTION_DAYS, RETENTION_CLASSES))
