"""Where the records of an organisation go and how long they stay: the shipper's view of streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.ids import OrgId
from app.logstore.schema import retention_class
from app.logstore.types import DEFAULT_STREAM, RETENTION_CLASSES

DEFAULT_RETENTION_DAYS = 30


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """A stream that exists, and the retention class (days) of its records."""

    name: str
    retention_class: int


class StreamDirectory(Protocol):
    """Knows the streams of every organisation. Asked from one thread, at most every thirty seconds
    per stream (shipping.decisions); `Unavailable` when it cannot tell."""

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        """The stream with this name; `default` for an unknown or empty one."""
        ...


class DefaultStreams:
    """Every organisation has one stream, `default`, kept for the same number of days."""

    def __init__(self, retention_days: int = DEFAULT_RETENTION_DAYS) -> None:
        self._target = StreamTarget(
            DEFAULT_STREAM, retention_class(retention_days, RETENTION_CLASSES)
        )

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        return self._target
