"""What has to stay in the journal because its partition alone refuses; all else is trimmed.

What stays may take a quarter of the journal. Beyond that the organisations that it belongs to are
refused at the edge, so that all others go on for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Set

import structlog

from app.core.ids import OrgId
from app.ingest.shipping import metrics
from app.journal.journal import Journal
from app.journal.refusals import Refused

log = structlog.get_logger(__name__)

SHARE_OF_JOURNAL = 4
# Their numbers are kept in memory.
MAX_ENTRIES = 200_000


class Holding:
    """Belongs to a shipper."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._max_bytes = journal.max_bytes // SHARE_OF_JOURNAL
        self._refused = Refused(journal.directory)
        self._owners: dict[int, OrgId] = {}
        self.begin(0)

    def begin(self, last_number: int) -> None:
        """Everything is appended again, in order, from the first entry on that is left. Until this
        one is reached nobody knows what is held in all."""
        self._owners.clear()
        self._kept: Set[int] = frozenset()
        self._before = self._through = self._kept_bytes = 0
        self._known_at = last_number

    def note(self, number: int, org_id: OrgId) -> None:
        """The entry was appended, and is this organisation's."""
        self._owners[number] = org_id

    def trim(self, through: int, kept: Set[int]) -> int:
        """Forgets all entries up to this one but for the `kept`; returns the last one up to which
        nothing is left. May be called again after any failure."""
        before = min(through, min(kept) - 1) if kept else through
        if before > self._before:
            self._journal.trim(before)
            self._before = before
        is_released = not self._kept <= kept
        after = before if is_released else max(before, self._through)
        some_bytes = self._journal.thin(after, through, kept=kept)
        self._kept_bytes = some_bytes + (0 if is_released else self._kept_bytes)
        self._through, self._kept = through, kept
        self._owners = {
            number: owner
            for number, owner in self._owners.items()
            if number > through or number in kept
        }
        self._say()
        return before

    def _say(self) -> None:
        is_much = self._kept_bytes > self._max_bytes or len(self._kept) > MAX_ENTRIES
        refused: Set[OrgId] = frozenset()
        if is_much:
            refused = {owner for number, owner in self._owners.items() if number in self._kept}
        if not self._is_known():
            refused = refused | self._refused.said
        self._refused.say(refused)
        metrics.HELD_ENTRIES.set(len(self._kept))
        metrics.HELD_BYTES.set(self._kept_bytes)
        metrics.REFUSED.set(len(refused))

    def _is_known(self) -> bool:
        """Whether everything was looked at. The last entries may have been set aside: then nothing
        is left but what is held."""
        return self._through >= self._known_at or self._journal.state().entries <= len(self._kept)
