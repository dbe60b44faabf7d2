"""Counts in the memory of this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

from app.core.clock import Clock
from app.core.limits.rules import (
    US_PER_SECOND,
    Allowance,
    Charge,
    Flow,
    Limit,
    Rate,
    Refusal,
    cost_of_flow,
    seconds_of,
    wait_of_allowance,
    wait_of_flow,
    wait_of_rate,
)

# Of so many subjects something is known; beyond, whoever was quiet longest is forgotten.
MOST_SUBJECTS = 100_000
_NS_PER_US = 1_000

_Key = tuple[str, str]


@dataclass(slots=True)
class _Used:
    """What was used up in a period, by the period's number."""

    period: int = -1
    amount: int = 0


@dataclass(frozen=True, slots=True)
class _Flown:
    """When all is paid, and when that was worked out."""

    paid_us: int
    at_us: int


class MemoryLimiter:
    """A `Limiter` for one process; nothing of it outlives that."""

    def __init__(self, clock: Clock, *, most_subjects: int = MOST_SUBJECTS) -> None:
        self._clock = clock
        self._most_subjects = most_subjects
        self._lock = threading.Lock()
        # Times at which the last ones passed; when all is paid; what was used.
        self._states: OrderedDict[_Key, deque[int] | _Flown | _Used] = OrderedDict()

    def take(self, *charges: Charge) -> Refusal | None:
        with self._lock:
            now_us = self._set_right(charges)
            for charge in charges:
                wait_us = self._wait_us(charge, now_us)
                if wait_us > 0:
                    return Refusal(charge.limit, seconds_of(wait_us))
            for charge in charges:
                self._apply(charge, charge.amount, now_us)
        return None

    def give_back(self, *charges: Charge) -> None:
        with self._lock:
            now_us = self._set_right(charges)
            for charge in charges:
                if not isinstance(charge.limit, Rate):
                    self._apply(charge, -charge.amount, now_us)

    def forget(self, limit: Limit, subject: str) -> None:
        with self._lock:
            self._states.pop((limit.name, subject), None)

    def _set_right(self, charges: tuple[Charge, ...]) -> int:
        """The time. A clock that was set back takes what is known along, so that it shuts nobody
        out until it is where it was."""
        now_us = self._clock.now_ns() // _NS_PER_US
        for charge in charges:
            key = (charge.limit.name, charge.subject)
            match self._states.get(key):
                case deque() as times if times and times[-1] > now_us:
                    ahead_us = times[-1] - now_us
                    self._states[key] = deque((one - ahead_us for one in times), times.maxlen)
                case _Flown(paid_us, at_us) if at_us > now_us:
                    self._states[key] = _Flown(paid_us - (at_us - now_us), now_us)
        return now_us

    def _wait_us(self, charge: Charge, now_us: int) -> int:
        state = self._states.get((charge.limit.name, charge.subject))
        match charge.limit:
            case Rate(most=most, seconds=seconds):
                times = state if isinstance(state, deque) else deque[int]()
                oldest_us = times[-most] if len(times) >= most else None
                return wait_of_rate(oldest_us, int(seconds * US_PER_SECOND), now_us)
            case Flow() as flow:
                burst_us, cost_us = cost_of_flow(flow, charge.amount)
                paid_us = state.paid_us if isinstance(state, _Flown) else 0
                return wait_of_flow(paid_us, burst_us, cost_us, now_us)
            case Allowance(most=most, seconds=seconds):
                period_us = seconds * US_PER_SECOND
                period, gone_us = divmod(now_us, period_us)
                known = isinstance(state, _Used) and state.period == period
                used = state.amount if known and isinstance(state, _Used) else 0
                return wait_of_allowance(used, most, charge.amount, period_us - gone_us)

    def _apply(self, charge: Charge, amount: int, now_us: int) -> None:
        key = (charge.limit.name, charge.subject)
        state = self._states.pop(key, None)
        match charge.limit:
            case Rate(most=most):
                times = state if isinstance(state, deque) else deque[int]()
                if times.maxlen != most:
                    times = deque(times, maxlen=most)
                times.append(now_us)
                self._states[key] = times
            case Flow() as flow:
                cost_us = cost_of_flow(flow, abs(amount))[1]
                paid_us = max(state.paid_us if isinstance(state, _Flown) else 0, now_us)
                paid_us += cost_us if amount > 0 else -cost_us
                self._states[key] = _Flown(paid_us, now_us)
            case Allowance(seconds=seconds):
                period = now_us // (seconds * US_PER_SECOND)
                used = state if isinstance(state, _Used) else _Used()
                before = used.amount if used.period == period else 0
                self._states[key] = _Used(period, max(0, before + amount))
        if len(self._states) > self._most_subjects:
            self._states.popitem(last=False)
