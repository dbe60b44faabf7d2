"""What passes a limit and what does not: in memory and in Redis alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.limits import shared as shared_module
from app.core.limits.memory import MemoryLimiter
from app.core.limits.rules import (
    Allowance,
    Charge,
    Flow,
    Limiter,
    Rate,
    Refusal,
    over,
    read_rate,
)
from app.core.limits.shared import SCRIPT, SharedLimiter
from app.core.redis import client
from tests.redis_fixtures import UseRedis
from tests.redis_server import RedisServer
from tests.unit.core.limits.clocks import TurnedClock

DAY = 86_400
RATE = Rate("rate", 3, 60)
FLOW = Flow("flow", 10, 20)
ALLOWANCE = Allowance("allowance", 100, DAY)
Made = tuple[Limiter, TurnedClock]


@pytest.fixture
def shared(
    own_redis: RedisServer, use_redis: UseRedis, monkeypatch: pytest.MonkeyPatch
) -> Callable[[TurnedClock], Limiter]:
    # Redis forgets by a clock that nobody turns, and some of it in a tenth of a second: later here.
    later = SCRIPT.replace("'PX', ", "'PX', 1000 * ").replace(
        "'PEXPIRE', key, ", "'PEXPIRE', key, 1000 * "
    )
    assert later.count("1000 * ") == 4
    monkeypatch.setattr(shared_module, "SCRIPT", later)
    use_redis(own_redis)
    return lambda clock: SharedLimiter(client(), clock=clock)


@pytest.fixture(params=["memory", "redis"])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """Each of the two, and its clock."""
    clock = TurnedClock(20_000 * DAY)
    if request.param == "memory":
        yield MemoryLimiter(clock), clock
    else:
        yield request.getfixturevalue("shared")(clock), clock


def passes(limiter: Limiter, limit: Any, amount: int = 1, subject: str = "acme") -> bool:
    return limiter.take(Charge(limit, subject, amount)) is None


def refused(limiter: Limiter, limit: Any, amount: int = 1) -> int:
    refusal = limiter.take(Charge(limit, "acme", amount))
    assert isinstance(refusal, Refusal)
    assert refusal.limit == limit
    return refusal.retry_after_seconds


def test_a_rate_holds_in_any_stretch_of_its_time(made: Made) -> None:
    limiter, clock = made
    for _ in range(3):
        assert passes(limiter, RATE)
        clock.turn(10)
    assert refused(limiter, RATE) == 30
    clock.turn(29.5)
    assert refused(limiter, RATE) == 1
    clock.turn(0.5)
    assert passes(limiter, RATE)
    assert refused(limiter, RATE) == 10


def test_whoever_is_refused_does_not_wait_the_longer_for_it(made: Made) -> None:
    limiter, clock = made
    for _ in range(3):
        assert passes(limiter, RATE)
    for _ in range(59):
        clock.turn(1)
        assert not passes(limiter, RATE)
    clock.turn(1)
    assert passes(limiter, RATE)


def test_subjects_and_limits_are_counted_apart(made: Made) -> None:
    limiter, _ = made
    for _ in range(3):
        assert passes(limiter, RATE)
    assert not passes(limiter, RATE)
    assert passes(limiter, RATE, subject="globex")
    assert passes(limiter, Rate("another", 3, 60))


def test_a_count_can_be_ended(made: Made) -> None:
    limiter, _ = made
    for _ in range(3):
        assert passes(limiter, RATE)
    limiter.forget(RATE, "acme")
    limiter.forget(RATE, "nobody")
    assert passes(limiter, RATE)


def test_a_clock_that_was_set_back_shuts_nobody_out_for_long(made: Made) -> None:
    limiter, clock = made
    for _ in range(3):
        assert passes(limiter, RATE)
    assert passes(limiter, FLOW, 20)
    clock.turn(-DAY)
    assert refused(limiter, RATE) == 60
    assert refused(limiter, FLOW, 20) == 2
    clock.turn(2)
    assert passes(limiter, FLOW, 20)
    assert not passes(limiter, FLOW)
    clock.turn(57)
    assert refused(limiter, RATE) == 1
    clock.turn(1)
    assert passes(limiter, RATE)


def test_what_is_given_back_after_the_clock_was_set_back_is_taken_again(made: Made) -> None:
    limiter, clock = made
    assert passes(limiter, FLOW, 20)
    clock.turn(-DAY)
    limiter.give_back(Charge(FLOW, "acme", 20))
    assert passes(limiter, FLOW, 20)
    assert not passes(limiter, FLOW)


def test_a_flow_lets_a_burst_in_and_then_as_much_as_flows(made: Made) -> None:
    limiter, clock = made
    assert passes(limiter, FLOW, 15)
    assert passes(limiter, FLOW, 5)
    assert refused(limiter, FLOW, 1) == 1
    assert refused(limiter, FLOW, 20) == 2
    clock.turn(1)
    assert passes(limiter, FLOW, 10)
    assert not passes(limiter, FLOW, 1)
    clock.turn(3_600)
    assert passes(limiter, FLOW, 20)
    assert not passes(limiter, FLOW, 1)


def test_what_is_larger_than_the_burst_passes_when_nothing_is_owed_and_is_paid_off(
    made: Made,
) -> None:
    limiter, clock = made
    assert passes(limiter, FLOW, 100)
    assert refused(limiter, FLOW, 1) == 9
    assert refused(limiter, FLOW, 100) == 10
    clock.turn(9.9)
    assert not passes(limiter, FLOW, 100)
    clock.turn(0.1)
    assert passes(limiter, FLOW, 100)


def test_an_allowance_lasts_until_the_end_of_the_day(made: Made) -> None:
    limiter, clock = made
    clock.turn(DAY - 10)
    assert passes(limiter, ALLOWANCE, 60)
    assert refused(limiter, ALLOWANCE, 41) == 10
    assert passes(limiter, ALLOWANCE, 40)
    assert refused(limiter, ALLOWANCE, 1) == 10
    clock.turn(10)
    assert passes(limiter, ALLOWANCE, 100)
    assert refused(limiter, ALLOWANCE, 1) == DAY


def test_of_several_charges_all_pass_or_none_is_charged(made: Made) -> None:
    limiter, _ = made
    both = (Charge(FLOW, "acme", 10), Charge(ALLOWANCE, "acme", 60))
    assert limiter.take(*both) is None
    refusal = limiter.take(*both)
    assert refusal is not None
    assert refusal.limit == ALLOWANCE
    assert passes(limiter, FLOW, 10)
    assert passes(limiter, ALLOWANCE, 40)


def test_what_did_not_happen_is_given_back(made: Made) -> None:
    limiter, _ = made
    charges = (Charge(FLOW, "acme", 20), Charge(ALLOWANCE, "acme", 100), Charge(RATE, "acme"))
    for _ in range(3):
        assert limiter.take(*charges) is None
        limiter.give_back(*charges)
    assert refused(limiter, RATE) == 60
    assert limiter.take(*charges[:2]) is None
    assert limiter.take(*charges[:2]) is not None


def test_nothing_is_gained_by_giving_back_later(made: Made) -> None:
    limiter, clock = made
    charges = (Charge(FLOW, "acme", 20), Charge(ALLOWANCE, "acme", 100))
    assert limiter.take(*charges) is None
    clock.turn(2 * DAY)
    limiter.give_back(*charges)
    assert limiter.take(*charges) is None
    assert not passes(limiter, FLOW)
    assert not passes(limiter, ALLOWANCE)


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[float, str, list[Charge]]]:
    """Charges of two subjects against the three kinds of limits, and the time between them."""
    limits = st.sampled_from(
        [RATE, FLOW, ALLOWANCE, Flow("slow", 0.3, 1), Rate("once", 1, 0.5), Allowance("a", 5, 10)]
    )
    charge = st.builds(
        Charge, limits, st.sampled_from(["acme", "globex"]), st.integers(min_value=1, max_value=60)
    )
    seconds = st.sampled_from([0, 0.000001, 0.1, 0.5, 1, 7, 60, 3_600, DAY, -0.5, -3_600])
    action = st.sampled_from(["take", "take", "take", "give back", "forget"])
    charges = st.lists(charge, min_size=1, max_size=3, unique_by=lambda one: one.limit.name)
    return draw(st.lists(st.tuples(seconds, action, charges), max_size=30))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(taken=steps())
def test_redis_and_memory_decide_alike(
    shared: Callable[[TurnedClock], Limiter], taken: list[tuple[float, str, list[Charge]]]
) -> None:
    client().flushall()
    clock = TurnedClock()
    limiters = (MemoryLimiter(clock), shared(clock))
    for seconds, action, charges in taken:
        clock.turn(seconds)
        if action == "take":
            answers = [limiter.take(*charges) for limiter in limiters]
            assert answers[0] == answers[1]
            continue
        for limiter in limiters:
            if action == "give back":
                limiter.give_back(*charges)
            else:
                limiter.forget(charges[0].limit, charges[0].subject)


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 30)), max_size=60))
def test_never_more_passes_than_the_limit_says(taken: list[tuple[float, int]]) -> None:
    clock = TurnedClock()
    limiter = MemoryLimiter(clock)
    passed: dict[str, list[tuple[float, int]]] = {"rate": [], "flow": [], "allowance": []}
    for seconds, amount in taken:
        clock.turn(seconds)
        for limit in (RATE, FLOW, ALLOWANCE):
            cost = min(amount, 20) if limit == FLOW else amount
            if limiter.take(Charge(limit, "acme", cost)) is None:
                passed[limit.name].append((clock.monotonic(), cost))
    for at, _ in passed["rate"]:
        assert sum(at <= other < at + 60 for other, _ in passed["rate"]) <= 3
    for first, (at, _) in enumerate(passed["flow"]):
        for end, (until, _) in enumerate(passed["flow"][first:], first):
            let_in = sum(cost for _, cost in passed["flow"][first : end + 1])
            assert let_in <= 20 + 10 * (until - at) + 0.001
    days: dict[int, int] = {}
    for at, cost in passed["allowance"]:
        days[int(at // DAY)] = days.get(int(at // DAY), 0) + cost
    assert all(total <= 100 for total in days.values())


def test_memory_is_bounded_and_forgets_whoever_was_quiet_longest() -> None:
    limiter = MemoryLimiter(TurnedClock(), most_subjects=2)
    once = Rate("once", 1, 60)
    for subject in ("acme", "globex", "initech"):
        assert passes(limiter, once, subject=subject)
    assert not passes(limiter, once, subject="globex")
    assert not passes(limiter, once, subject="initech")
    assert passes(limiter, once, subject="acme")


def test_nothing_is_left_in_redis_when_it_means_nothing_any_more(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    limiter = SharedLimiter(client())
    slow = Flow("flow", 0.01, 20)
    charges = (Charge(RATE, "a"), Charge(slow, "a", 5), Charge(Allowance("day", 9, DAY), "a"))
    assert limiter.take(*charges) is None
    limits = {"rate": 60_000, "flow": 500_000, "day": DAY * 1_000}
    for key in own_redis.client().scan_iter():
        kept_ms = own_redis.client().pttl(key)
        assert 0 < kept_ms <= limits[key.decode().split(":")[2]] + 1


@pytest.mark.parametrize(
    ("text", "most", "seconds"),
    [("20/hour", 20, 3_600), ("5/min", 5, 60), ("1/s", 1, 1), ("7 / days", 7, 86_400)],
)
def test_a_rate_can_be_written(text: str, most: int, seconds: float) -> None:
    assert read_rate("x", text) == Rate("x", most, seconds)


@pytest.mark.parametrize("text", ["", "20", "0/hour", "-1/s", "20/fortnight", "x/hour", "1/"])
def test_what_is_no_rate_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Invalid, match="is not a rate"):
        read_rate("x", text)


def test_the_error_names_the_limit() -> None:
    error = over(Refusal(RATE, 7), "too much")
    assert (error.status, error.code, error.retry_after_seconds) == (429, "rate", 7)
