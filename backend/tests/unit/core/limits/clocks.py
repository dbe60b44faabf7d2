"""A clock that a test turns."""

from __future__ import annotations


class TurnedClock:
    """Stands still until it is turned."""

    def __init__(self, seconds: float = 1_795_000_000.0) -> None:
        self._ns = int(seconds * 1_000_000) * 1_000

    def turn(self, seconds: float) -> None:
        self._ns += int(seconds * 1_000_000) * 1_000

    def now_ns(self) -> int:
        return self._ns

    def monotonic(self) -> float:
        return self._ns / 1e9
