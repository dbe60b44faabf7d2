"""Where this process keeps what it was given for the log store: by default its host's journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.journal.journal import Journal


class Keeper(Protocol):
    """Takes journal entries (`journal.batch`) on their way to the store."""

    def keep(self, payloads: Sequence[bytes]) -> int:
        """Keeps all of them for good; returns a number for `is_found`. `Unavailable` (`Full`): none
        of them is promised to be kept, and the same may be given again."""
        ...

    def is_found(self, number: int) -> bool:
        """Whether searches see everything up to that number."""
        ...


class JournalKeeper:
    """Over a journal: a shipper moves what it keeps."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def keep(self, payloads: Sequence[bytes]) -> int:
        """See `Keeper`."""
        return self._journal.append(payloads)

    def is_found(self, number: int) -> bool:
        """See `Keeper`."""
        return self._journal.state().shipped_number >= number
