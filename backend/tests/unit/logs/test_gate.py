"""The gate: so many run, so many wait, the rest is answered at once."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from uuid import UUID

import pytest

from app.core.errors import OverLimit, Unavailable
from app.core.ids import OrgId
from app.logs.gate import Gate

ACME, GLOBEX, INITECH = (OrgId(UUID(int=number)) for number in (1, 2, 3))


def test_one_more_than_may_run_is_refused_after_its_wait() -> None:
    gate = Gate(running=1, waiting=1, wait_seconds=0.01)
    with gate.entered(ACME):
        with pytest.raises(Unavailable) as refused, gate.entered(GLOBEX):
            pytest.fail("two are inside")
        assert refused.value.code == "too_many_searches"
        assert refused.value.retry_after_seconds == 1


def test_a_turn_that_ended_badly_is_free_again() -> None:
    gate = Gate(running=1, waiting=0, wait_seconds=0)
    with pytest.raises(ValueError, match="broken"), gate.entered(ACME):
        raise ValueError("broken")
    with gate.entered(ACME):
        pass


def test_who_waits_gets_in_when_somebody_leaves() -> None:
    gate = Gate(running=1, waiting=1, wait_seconds=30)
    got_in = threading.Event()

    def wait_for_a_turn() -> None:
        with gate.entered(GLOBEX):
            got_in.set()

    with gate.entered(ACME):
        waiter = threading.Thread(target=wait_for_a_turn)
        waiter.start()
        assert not got_in.is_set()
    waiter.join(timeout=30)
    assert got_in.is_set()


def test_a_flood_is_refused_without_waiting() -> None:
    gate = Gate(running=1, waiting=0, wait_seconds=3_600)
    with gate.entered(ACME), pytest.raises(Unavailable), gate.entered(GLOBEX):
        pytest.fail("two are inside")


def test_long_searches_of_one_organisation_keep_nobody_else_out() -> None:
    gate = Gate(running=4, waiting=12, wait_seconds=3_600)
    done = threading.Event()
    waits = threading.Event()

    def search() -> None:
        waits.set()
        with gate.entered(ACME):
            done.set()

    with ExitStack() as inside:
        for _ in range(3):
            inside.enter_context(gate.entered(ACME))
        fourth = threading.Thread(target=search)
        fourth.start()
        assert waits.wait(timeout=30)
        with gate.entered(GLOBEX):
            assert not done.is_set()
    fourth.join(timeout=30)
    assert done.is_set()


def test_one_organisation_takes_three_quarters_of_the_places() -> None:
    gate = Gate(running=4, waiting=0, wait_seconds=3_600)
    with ExitStack() as inside:
        for _ in range(3):
            inside.enter_context(gate.entered(ACME))
        with pytest.raises(OverLimit) as refused, gate.entered(ACME):
            pytest.fail("a fourth is inside")
        assert (refused.value.code, refused.value.status) == ("too_many_searches", 429)
        inside.enter_context(gate.entered(GLOBEX))
        with pytest.raises(Unavailable), gate.entered(INITECH):
            pytest.fail("a fifth is inside")
    with gate.entered(ACME), gate.entered(ACME):
        pass
