"""The gate: so many run, so many wait, the rest is answered at once."""

from __future__ import annotations

import threading

import pytest

from app.core.errors import Unavailable
from app.logs.gate import Gate


def test_one_more_than_may_run_is_refused_after_its_wait() -> None:
    gate = Gate(running=1, waiting=1, wait_seconds=0.01)
    with gate.entered():
        with pytest.raises(Unavailable) as refused, gate.entered():
            pytest.fail("two are inside")
        assert refused.value.code == "too_many_searches"
        assert refused.value.retry_after_seconds == 1


def test_a_turn_that_ended_badly_is_free_again() -> None:
    gate = Gate(running=1, waiting=0, wait_seconds=0)
    with pytest.raises(ValueError, match="broken"), gate.entered():
        raise ValueError("broken")
    with gate.entered():
        pass


def test_who_waits_gets_in_when_somebody_leaves() -> None:
    gate = Gate(running=1, waiting=1, wait_seconds=30)
    got_in = threading.Event()

    def wait_for_a_turn() -> None:
        with gate.entered():
            got_in.set()

    with gate.entered():
        waiter = threading.Thread(target=wait_for_a_turn)
        waiter.start()
        assert not got_in.is_set()
    waiter.join(timeout=30)
    assert got_in.is_set()


def test_a_flood_is_refused_without_waiting() -> None:
    gate = Gate(running=1, waiting=0, wait_seconds=3_600)
    with gate.entered(), pytest.raises(Unavailable), gate.entered():
        pytest.fail("two are inside")
