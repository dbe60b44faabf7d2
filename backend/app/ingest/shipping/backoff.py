"""How long to wait before the next try."""

from __future__ import annotations

from collections.abc import Callable
from secrets import SystemRandom

FIRST_SECONDS = 0.1
MOST_SECONDS = 5.0


class Backoff:
    """Doubles from a tenth of a second to five; each delay is a random part of its step, at least
    half, so that many who failed together do not try together."""

    def __init__(self, chance: Callable[[], float] | None = None) -> None:
        self._chance = chance or SystemRandom().random
        self._step = FIRST_SECONDS

    def next_seconds(self) -> float:
        """The delay after one more failure."""
        step = self._step
        self._step = min(2 * step, MOST_SECONDS)
        return step * (1 + self._chance()) / 2

    def reset(self) -> None:
        """After a success."""
        self._step = FIRST_SECONDS
