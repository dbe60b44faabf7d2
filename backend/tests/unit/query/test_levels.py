"""Severity in every spelling and number that senders use (api.md)."""

import pytest

from app.query.levels import LEVEL_NUMBERS, LEVELS, level_of_number, level_of_word


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ("trace t v verbose finest finer", "trace"),
        ("debug d fine dbg", "debug"),
        ("info i information informational notice", "info"),
        ("warn w warning", "warn"),
        ("error e err severe", "error"),
        ("fatal f critical crit alert emerg emergency panic", "fatal"),
    ],
)
def test_every_word_means_its_level_in_any_case(words: str, level: str) -> None:
    for word in words.split():
        assert [level_of_word(w) for w in (word, word.upper(), f" {word.title()} ")] == [level] * 3


def test_an_unknown_word_is_no_level() -> None:
    assert [level_of_word(word) for word in ("", "loud", "infos", "17")] == [None] * 4


def test_otel_severity_numbers_come_in_fours() -> None:
    found = [level_of_number(n, is_otel=True) for n in range(1, 25)]

    assert found == [(LEVELS[(n - 1) // 4], n) for n in range(1, 25)]


def test_outside_severity_number_small_numbers_are_syslog_and_tens_are_pino() -> None:
    syslog = [level_of_number(n, is_otel=False) for n in range(8)]
    pino = [level_of_number(n, is_otel=False) for n in (10, 20, 30, 40, 50, 60)]

    assert [found[0] for found in syslog if found] == [
        "fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug",
    ]  # fmt: skip
    assert pino == [(level, LEVEL_NUMBERS[level]) for level in LEVELS]
    assert level_of_number(17, is_otel=False) == ("error", 17)


@pytest.mark.parametrize("number", [-1, 0, 25, 99])
def test_a_number_outside_every_scale_is_no_level(number: int) -> None:
    assert level_of_number(number, is_otel=True) is None


def test_a_number_over_24_that_is_not_pinos_is_no_level() -> None:
    assert [level_of_number(n, is_otel=False) for n in (25, 35, 70)] == [None] * 3
