"""What a limit is, and whether one more passes: pure, in whole microseconds.

The script of `shared` decides the same by the same arithmetic: change both.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol

from app.core.errors import Invalid, OverLimit

US_PER_SECOND = 1_000_000

_PERIODS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RATE = re.compile(r"(\d{1,9})\s*/\s*(s|sec|second|m|min|minute|h|hour|d|day)s?")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` in any stretch of `seconds`, wherever it begins."""

    name: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Flow:
    """`per_second` in the long run, and `burst` at once.

    What is larger than the burst passes when nothing is owed, and is then waited for all the
    longer: a sender with large requests is slowed down, never shut out.
    """

    name: str
    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `most` from one full period of the clock to the next: of a day from midnight, UTC."""

    name: str
    most: int
    seconds: int


Limit = Rate | Flow | Allowance


@dataclass(frozen=True, slots=True)
class Charge:
    """So much of a limit, of whom it is about. A rate counts events: its amount is one."""

    limit: Limit
    subject: str
    amount: int = 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which limit does not let it pass, and in how many seconds it may."""

    limit: Limit
    retry_after_seconds: int


class Limiter(Protocol):
    """Counts. Any thread may use it; of those who come at the same time never more than the limit
    pass. `Unavailable` when it cannot tell."""

    def take(self, *charges: Charge) -> Refusal | None:
        """Charges all of them, or, when one does not pass, none."""
        ...

    def give_back(self, *charges: Charge) -> None:
        """Takes back what was charged for something that did not happen. Rates are left alone."""
        ...

    def forget(self, limit: Limit, subject: str) -> None:
        """Begins anew for this subject."""
        ...


def read_rate(name: str, text: str) -> Rate:
    """`20/hour`, `5/min`, `100/s`."""
    match = _RATE.fullmatch(text.strip().lower())
    if match is None or int(match[1]) < 1:
        raise Invalid(f"{text!r} is not a rate such as '20/hour'", code="invalid_rate")
    return Rate(name, int(match[1]), float(_PERIODS[match[2][0]]))


def over(refusal: Refusal, detail: str) -> OverLimit:
    """The error to answer with: its code is the limit's name."""
    return OverLimit(
        detail, code=refusal.limit.name, retry_after_seconds=refusal.retry_after_seconds
    )


def wait_of_rate(oldest_us: int | None, window_us: int, now_us: int) -> int:
    """How long until one more passes (0: now). `oldest_us`: when the most-th last one did."""
    if oldest_us is None or oldest_us + window_us <= now_us:
        return 0
    return oldest_us + window_us - now_us


def wait_of_flow(paid_us: int, burst_us: int, cost_us: int, now_us: int) -> int:
    """How long until so much passes. `paid_us`: when nothing is owed any more."""
    owed_us = max(0, paid_us - now_us)
    if owed_us == 0 or owed_us + cost_us <= burst_us:
        return 0
    return owed_us - max(0, burst_us - cost_us)


def wait_of_allowance(used: int, most: int, amount: int, left_us: int) -> int:
    """How long until so much passes. `left_us`: of the period."""
    return 0 if used + amount <= most else left_us


def cost_of_flow(limit: Flow, amount: int) -> tuple[int, int]:
    """The burst and the amount as time, in microseconds."""
    per_us = US_PER_SECOND / limit.per_second
    return math.ceil(limit.burst * per_us), math.ceil(amount * per_us)


def seconds_of(wait_us: int) -> int:
    """As `Retry-After` says it: whole seconds, at least one."""
    return max(1, -(-wait_us // US_PER_SECOND))
