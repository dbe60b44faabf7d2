"""An observer that only looks on."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.ids import OrgId
from app.logstore.types import RoutedRecord


class Watcher:
    """Remembers what it saw."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[str] = []
        self.is_closed = False

    def wants(self, _org_id: OrgId) -> bool:
        return True

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        self.seen += [record.message for record in records]

    def close(self) -> None:
        self.is_closed = True
