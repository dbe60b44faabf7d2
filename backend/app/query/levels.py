"""Severity: the six levels, their numbers (OpenTelemetry log data model) and every spelling."""

from __future__ import annotations

LEVELS: tuple[str, ...] = ("trace", "debug", "info", "warn", "error", "fatal")

# The number that a level has when only its word is known.
LEVEL_NUMBERS: dict[str, int] = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "warn": 13,
    "error": 17,
    "fatal": 21,
}

_SPELLINGS = {
    "trace": "trace t v verbose finest finer",
    "debug": "debug d fine dbg",
    "info": "info i information informational notice",
    "warn": "warn w warning",
    "error": "error e err severe",
    "fatal": "fatal f critical crit alert emerg emergency panic",
}
LEVEL_BY_WORD: dict[str, str] = {
    word: level for level, words in _SPELLINGS.items() for word in words.split()
}

_SYSLOG = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")
_PINO = {10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}


def level_of_word(word: str) -> str | None:
    """The level that a word means in any case, or `None`."""
    return LEVEL_BY_WORD.get(word) or LEVEL_BY_WORD.get(word.strip().lower())


def level_of_number(number: int, *, is_otel: bool) -> tuple[str, int] | None:
    """(level, level_number) of a numeric severity, or `None`.

    `is_otel`: the number stood in `severity_number` (1-24). Elsewhere 0-7 are syslog severities
    (RFC 5424), 10, 20 … 60 pino's, and other values up to 24 OpenTelemetry's.
    """
    if not is_otel:
        if 0 <= number <= 7:
            level = _SYSLOG[number]
            return level, LEVEL_NUMBERS[level]
        if number in _PINO:
            level = _PINO[number]
            return level, LEVEL_NUMBERS[level]
    if 1 <= number <= 24:
        return LEVELS[(number - 1) // 4], number
    return None
