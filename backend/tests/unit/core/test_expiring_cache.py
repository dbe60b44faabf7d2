"""What is remembered, for how long, and what is forgotten."""

from __future__ import annotations

from app.core.expiring_cache import ExpiringCache


class FakeClock:
    def __init__(self) -> None:
        self.at = 100.0

    def now_ns(self) -> int:
        return int(self.at * 1e9)

    def monotonic(self) -> float:
        return self.at


def cache_of(asked: list[str], clock: FakeClock, *, most: int = 10) -> ExpiringCache[str, str]:
    def load(key: str) -> str:
        asked.append(key)
        return key.upper()

    return ExpiringCache(load, seconds=30, most=most, clock=clock)


def test_a_value_is_loaded_once_while_it_is_fresh() -> None:
    asked: list[str] = []
    clock = FakeClock()
    cache = cache_of(asked, clock)
    assert [cache.get("a"), cache.get("a")] == ["A", "A"]
    clock.at += 29.9
    cache.get("a")
    assert asked == ["a"]
    clock.at += 0.2
    cache.get("a")
    assert asked == ["a", "a"]


def test_the_oldest_goes_when_there_are_too_many() -> None:
    asked: list[str] = []
    cache = cache_of(asked, FakeClock(), most=2)
    for key in ("a", "b", "c", "c", "b", "a"):
        cache.get(key)
    assert asked == ["a", "b", "c", "a"]


def test_what_was_being_loaded_during_a_clear_is_not_kept() -> None:
    asked: list[str] = []

    def load(key: str) -> str:
        asked.append(key)
        if len(asked) == 1:
            cache.clear()
        return key

    cache = ExpiringCache(load, seconds=30, most=10, clock=FakeClock())
    assert [cache.get("a"), cache.get("a"), cache.get("a")] == ["a", "a", "a"]
    assert asked == ["a", "a"]
