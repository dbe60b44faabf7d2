"""Journals that fail now and then."""

from __future__ import annotations

from typing_extensions import override

from app.core.errors import Unavailable
from app.journal.journal import Journal, JournalState


class FlakyJournal(Journal):
    """Fails as often as it is told to, each call for itself."""

    states_failing = set_asides_failing = 0

    @override
    def state(self) -> JournalState:
        if self.states_failing:
            self.states_failing -= 1
            raise Unavailable("no state")
        return super().state()

    @override
    def set_aside(self, number: int, reason: str) -> None:
        if self.set_asides_failing:
            self.set_asides_failing -= 1
            raise Unavailable("no room beside")
        super().set_aside(number, reason)


class TornJournal(Journal):
    """Is killed between the first transaction of a trim and the second."""

    trims_left = 1

    @override
    def _trim_some(self, through: int) -> int:
        if not self.trims_left:
            raise KilledError
        self.trims_left -= 1
        return super()._trim_some(through)


class KilledError(Exception):
    """Nothing more is done."""
