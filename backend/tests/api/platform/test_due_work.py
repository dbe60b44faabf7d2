"""What is due is done by one at a time, whatever the messages about it do."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import connections

from app.core.clock import utc_now
from app.core.due_work import (
    PERIODIC,
    Claim,
    PeriodicJob,
    claim,
    claim_one,
    ensure,
    extend,
    finish,
    next_time,
    oldest_due,
    release,
    run_if_due,
    withdraw,
)

pytestmark = pytest.mark.django_db
START = utc_now()
LEASE = timedelta(seconds=60)
HOUR = timedelta(hours=1)
JOB = PeriodicJob("clean", every=HOUR, lease=LEASE)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def rule(name: str, *, due: float = 0) -> None:
    ensure("rule", name, due_at=at(due))


def keys(claims: list[Claim]) -> list[str]:
    return [one.key for one in claims]


def test_nobody_gets_what_is_not_due_or_of_another_kind() -> None:
    rule("a", due=10)
    ensure("stream", "b", due_at=START)
    assert claim("rule", now=at(9), lease=LEASE, limit=10) == []
    assert keys(claim("rule", now=at(10), lease=LEASE, limit=10)) == ["a"]


def test_what_somebody_holds_is_nobody_else_s_until_the_lease_ends() -> None:
    rule("a")
    first = claim_one("rule", "a", now=START, lease=LEASE)
    assert first is not None
    assert (first.due_at, first.leased_until) == (START, at(60))
    assert claim_one("rule", "a", now=at(59), lease=LEASE) is None
    second = claim_one("rule", "a", now=at(60), lease=LEASE)
    assert second is not None
    # The same time is owed as before, and the first one comes too late.
    assert second.due_at == START
    assert not finish(first, next_due_at=at(100))
    assert not release(first, retry_at=at(100))
    assert extend(first, until=at(100)) is None
    assert finish(second, next_due_at=at(100))
    assert not finish(second, next_due_at=at(200))
    assert claim_one("rule", "a", now=at(99), lease=LEASE) is None
    third = claim_one("rule", "a", now=at(100), lease=LEASE)
    assert third is not None
    assert third.due_at == at(100)


def test_who_needs_longer_says_so() -> None:
    rule("a")
    held = claim_one("rule", "a", now=START, lease=LEASE)
    assert held is not None
    longer = extend(held, until=at(600))
    assert longer is not None
    assert longer.leased_until == at(600)
    assert claim_one("rule", "a", now=at(599), lease=LEASE) is None
    assert finish(longer, next_due_at=at(700))


def test_what_could_not_be_done_is_owed_as_before() -> None:
    rule("a")
    held = claim_one("rule", "a", now=START, lease=LEASE)
    assert held is not None
    assert release(held, retry_at=at(5))
    again = claim_one("rule", "a", now=at(5), lease=LEASE)
    assert again is not None
    assert again.due_at == START


def test_making_it_due_twice_changes_nothing() -> None:
    rule("a")
    rule("a", due=50)
    assert oldest_due("rule") == START
    assert oldest_due("stream") is None


def test_who_holds_what_was_withdrawn_cannot_finish_it() -> None:
    rule("a")
    held = claim_one("rule", "a", now=START, lease=LEASE)
    assert held is not None
    assert withdraw("rule", "a")
    assert not withdraw("rule", "a")
    rule("a", due=5)
    assert not finish(held, next_due_at=at(100))
    assert oldest_due("rule") == at(5)


def test_many_are_claimed_at_once_each_by_one() -> None:
    for number in range(30):
        rule(f"r{number:02}", due=number)
    first = claim("rule", now=at(100), lease=LEASE, limit=12)
    second = claim("rule", now=at(100), lease=LEASE, limit=12)
    third = claim("rule", now=at(100), lease=LEASE, limit=12)
    assert [len(first), len(second), len(third)] == [12, 12, 6]
    assert len({one.key for one in first + second + third}) == 30
    assert first == sorted(first, key=lambda one: one.due_at)
    assert claim("rule", now=at(100), lease=LEASE, limit=12) == []


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_each_piece_goes_to_one() -> None:
    for number in range(40):
        rule(f"r{number:02}")
    barrier = threading.Barrier(4)
    taken: list[str] = []
    troubles: list[BaseException] = []

    def work() -> None:
        try:
            barrier.wait()
            while claims := claim("rule", now=at(1), lease=LEASE, limit=5):
                taken.extend(keys(claims))
                for one in claims:
                    assert finish(one, next_due_at=at(1_000))
        except BaseException as trouble:
            troubles.append(trouble)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    # Who found everything taken by the others stopped early, but what was taken was taken once.
    assert max(Counter(taken).values()) == 1
    while claims := claim("rule", now=at(1), lease=LEASE, limit=5):
        taken.extend(keys(claims))
    assert sorted(taken) == [f"r{number:02}" for number in range(40)]


def test_a_job_is_done_when_it_is_due_however_often_somebody_asks() -> None:
    done: list[datetime] = []

    def ask(seconds: float) -> bool:
        return run_if_due(JOB, lambda claimed: done.append(claimed.due_at), now=lambda: at(seconds))

    assert [ask(second) for second in (0, 0, 1, 3_599, 3_600, 3_601)] == [
        *(True, False, False, False),
        *(True, False),
    ]
    # Nobody asked for three hours: once is enough.
    assert ask(4 * 3_600 + 5)
    assert not ask(4 * 3_600 + 6)
    assert done == [at(0), at(3_600), at(7_200)]
    assert oldest_due(PERIODIC) == at(5 * 3_600)


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_job_that_was_done_by_a_clock_far_ahead_is_done_again_by_the_right_one(
    *, is_finished: bool
) -> None:
    year = 365 * 24 * 3_600
    done: list[datetime] = []

    def ask(seconds: float) -> bool:
        return run_if_due(JOB, lambda claimed: done.append(claimed.due_at), now=lambda: at(seconds))

    assert ask(0)
    if is_finished:
        assert ask(year)
    else:
        # Killed in the middle.
        assert claim_one(PERIODIC, JOB.name, now=at(year), lease=LEASE) is not None
    assert ask(3_600)
    assert not ask(3_601)
    assert ask(2 * 3_600)
    assert oldest_due(PERIODIC) == at(3 * 3_600)


def test_a_job_that_fails_says_so_and_is_tried_again() -> None:
    def fail(_claimed: Claim) -> None:
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        run_if_due(JOB, fail, now=lambda: START)
    assert not run_if_due(JOB, lambda _: None, now=lambda: at(29))
    assert run_if_due(JOB, lambda _: None, now=lambda: at(30))


def test_a_job_whose_lease_ended_in_the_middle_is_not_reported_as_done() -> None:
    def work(_claimed: Claim) -> None:
        assert run_if_due(JOB, lambda _: None, now=lambda: at(61))

    assert not run_if_due(JOB, work, now=lambda: START)
    assert oldest_due(PERIODIC) == at(3_600)


@pytest.mark.parametrize(
    ("seconds", "following"), [(0, 10), (9.9, 10), (10, 20), (95, 100), (-5, 10)]
)
def test_the_next_time_lies_ahead_and_on_the_same_beat(seconds: float, following: float) -> None:
    assert next_time(START, timedelta(seconds=10), at(seconds)) == at(following)
