"""When what was appended is committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.ingest.shipping.preparing import Prepared
from app.logstore.types import NS_PER_SECOND, RoutedRecord


class Waiting:
    """What was appended since the last commit."""

    def __init__(self) -> None:
        self.entries = self.records = self.payload_bytes = self.last_number = 0
        # How long the last one had been in the journal.
        self.lag_ns = 0
        # For those who watch.
        self.kept: list[Sequence[RoutedRecord]] = []

    def add(self, prepared: Prepared, now_ns: int) -> None:
        """One more entry was appended."""
        self.entries += 1
        self.records += len(prepared.made.records)
        self.payload_bytes += prepared.payload_bytes
        self.last_number = prepared.number
        self.lag_ns = now_ns - prepared.batch.received_ns


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things happen. A commit is due a second after the one before began, earlier when
    so much waits.

    Who is behind takes so many times longer over it: a store does nothing else meanwhile, and what
    is so old is not waited for to the second. The last of a backlog is committed at once.
    """

    commit_seconds: float = 1.0
    behind_seconds: float = 2.0
    behind_factor: int = 3
    commit_records: int = 60_000
    commit_bytes: int = 64 << 20
    status_seconds: float = 1.0
    maintain_seconds: float = 60.0

    def is_commit_due(
        self, waiting: Waiting, *, seconds: float, is_last: Callable[[], bool]
    ) -> bool:
        """`seconds`: since the commit before began. `is_last`: whether nothing comes behind what
        waits; asked only of who is behind."""
        commit_seconds = self.commit_seconds
        if waiting.lag_ns > self.behind_seconds * NS_PER_SECOND:
            if is_last():
                return True
            commit_seconds *= self.behind_factor
        return (
            seconds >= commit_seconds
            or waiting.records >= self.commit_records
            or waiting.payload_bytes >= self.commit_bytes
        )
