"""How much of what a process has is held by whom at this moment."""

from __future__ import annotations

from collections import Counter

# Nobody holds more than so many times what is left for all others.
_TIMES_OF_REST = 2


class Shares:
    """So much of something, of which everybody may hold a part, but nobody more than twice what is
    left: one holder alone two thirds, the next two thirds of the rest. However many hold much, there
    is room for who wants little, and nothing has to be set aside for it.

    Somebody may count as several holders, as their organisation and as their address say. For one
    event loop.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._held_by: Counter[str] = Counter()
        self.held = 0

    def has_room(self, amount: int, holders: tuple[str, ...]) -> bool:
        """Whether so much more may be held by all of these."""
        left = self._total - self.held - amount
        return left >= 0 and all(
            self._held_by[holder] + amount <= _TIMES_OF_REST * left for holder in holders
        )

    def take(self, amount: int, holders: tuple[str, ...]) -> bool:
        """Holds so much more if there is room; whether there was."""
        if not self.has_room(amount, holders):
            return False
        self.hold(amount, holders)
        return True

    def hold(self, amount: int, holders: tuple[str, ...]) -> None:
        """Counts it, whether there is room or not."""
        self.held += amount
        for holder in holders:
            self._held_by[holder] += amount

    def give_back(self, amount: int, holders: tuple[str, ...]) -> None:
        """What was held is free again."""
        self.held -= amount
        for holder in holders:
            self._held_by[holder] -= amount
            if not self._held_by[holder]:
                del self._held_by[holder]
