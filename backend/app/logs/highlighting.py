"""Which part of a filter can point at places in `message` of records that match it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from app.logstore.memory.highlight import highlight
from app.logstore.types import StoredRecord
from app.query.filters import (
    And,
    Equals,
    Everything,
    Exists,
    Filter,
    Matches,
    Not,
    NumberRange,
    Or,
    StringRange,
    TimeWithin,
    TokenMatches,
    Tokens,
)
from app.query.words import MAX_TOKEN

Spans = list[tuple[int, int]]


def spans_of_hits(filter_: Filter, records: Sequence[StoredRecord]) -> tuple[Spans, ...]:
    """The places in `message` of each of the records, all of which match the filter."""
    parts = pointing_parts(filter_)
    if not parts:
        return tuple([] for _ in records)
    tests = _phrase_tests(parts)
    pointing = parts[0] if len(parts) == 1 else Or(parts)
    return tuple(
        highlight(pointing, record)
        if tests is None or not _is_simple(record.message)
        else _ascii_spans(record.message, tests)
        for record in records
    )


def pointing_parts(filter_: Filter) -> tuple[Filter, ...]:
    """Filters that together have the same places in every record that matches the whole.

    All parts of an AND at the top match, so that each of them points for itself. A branch of an OR
    points if it matches as a whole, so that it stays whole. What has no words is left out.
    """
    match filter_:
        case And(children):
            return tuple(part for child in children for part in pointing_parts(child))
        case Or(children):
            return tuple(child for child in children if _has_words(child))
        case _:
            return (filter_,) if _has_words(filter_) else ()


def _has_words(filter_: Filter) -> bool:
    match filter_:
        case Tokens() | TokenMatches():
            return True
        case And(children) | Or(children):
            return any(_has_words(child) for child in children)
        case Not() | Everything() | Exists() | Equals() | Matches():
            return False
        case NumberRange() | StringRange() | TimeWithin():
            return False


# Most searches ask for words in messages of ASCII. There a regular expression finds the places in
# a tenth of the time that a list of all tokens takes; the rule of tokens is that of `query.words`.
_ASCII_WORD = re.compile("[0-9a-z]+")
_LONGER_THAN_A_TOKEN = re.compile(f"[0-9A-Za-z]{{{MAX_TOKEN + 1}}}")


def _is_simple(message: str) -> bool:
    return message.isascii() and (
        len(message) <= MAX_TOKEN or not _LONGER_THAN_A_TOKEN.search(message)
    )


def _phrase_tests(parts: Sequence[Filter]) -> tuple[re.Pattern[str], ...] | None:
    """Finds each of the parts, if all are phrases of ASCII."""
    tests = []
    for part in parts:
        if not isinstance(part, Tokens) or not all(map(_ASCII_WORD.fullmatch, part.tokens)):
            return None
        tests.append(_phrase_test(part.tokens))
    return tuple(tests)


@lru_cache(maxsize=256)
def _phrase_test(phrase: tuple[str, ...]) -> re.Pattern[str]:
    # A look-ahead, because the next place of `a b a` may begin inside of the one before.
    words = "[^0-9a-z]+".join(phrase)
    return re.compile(f"(?<![0-9a-z])(?=({words})(?![0-9a-z]))")


def _ascii_spans(message: str, tests: Sequence[re.Pattern[str]]) -> Spans:
    folded = message.lower()
    places = sorted(found.span(1) for test in tests for found in test.finditer(folded))
    merged: Spans = []
    for start, end in places:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
