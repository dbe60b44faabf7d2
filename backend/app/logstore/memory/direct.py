"""The memory store as a `DirectWriter`, for tests: it is seen by its own process only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from app.core.errors import Unavailable
from app.logstore.memory.store import MemoryStore
from app.logstore.types import AppendReport, Position, RoutedRecord, StoreHealth

_NUMBERS = count(1)


class MemoryDirectWriter:
    """Every request is an entry of one journal that nobody has."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def store(self, requests: Sequence[Sequence[RoutedRecord]]) -> list[AppendReport | Unavailable]:
        """See `DirectWriter`; never unavailable."""
        reports: list[AppendReport | Unavailable] = [
            self._store.append(records, position=Position("direct", next(_NUMBERS)))
            for records in requests
        ]
        self._store.commit()
        return reports

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`."""
        self._store.maintain(now_ns)

    def health(self) -> StoreHealth:
        """See `LogWriter`."""
        return self._store.health()

    def close(self) -> None:
        """Does nothing: the store is its process's."""
