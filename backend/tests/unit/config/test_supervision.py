"""The supervisor's decisions: when a child starts again, and what is said about its end."""

import signal

import pytest

from config.supervisor import (
    LONGEST_DELAY_SECONDS,
    ORDERLY_DELAY_SECONDS,
    STEADY_SECONDS,
    count_quick_deaths,
    describe_end,
    restart_delay_seconds,
)

KILLED = -signal.SIGKILL


def test_a_killed_child_is_back_at_once() -> None:
    assert restart_delay_seconds(0, returncode=KILLED) < 0.1
    assert restart_delay_seconds(1, returncode=KILLED) < 0.1


def test_a_child_that_cannot_start_is_tried_ever_more_rarely_but_for_ever() -> None:
    delays = [restart_delay_seconds(deaths, returncode=1) for deaths in range(1, 40)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY_SECONDS


@pytest.mark.parametrize("returncode", [0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP])
def test_a_child_that_was_asked_to_end_leaves_time_for_the_same_signal_to_reach_us(
    returncode: int,
) -> None:
    assert restart_delay_seconds(0, returncode=returncode) == ORDERLY_DELAY_SECONDS


def test_a_child_that_lived_for_a_while_starts_with_a_clean_slate() -> None:
    assert count_quick_deaths(7, lived_seconds=STEADY_SECONDS) == 0
    assert count_quick_deaths(7, lived_seconds=STEADY_SECONDS / 2) == 8


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (KILLED, "was ended by SIGKILL"),
        (-200, "was ended by signal 200"),
    ],
)
def test_the_end_of_a_child_is_told_in_words(returncode: int, words: str) -> None:
    assert describe_end(returncode) == words
