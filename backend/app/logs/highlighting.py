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
    pointing = pointing_part(filter_)
    if pointing is None:
        return tuple([] for _ in records)
    tests = _phrase_tests(pointing)
    if tests is None:
        return tuple(highlight(pointing, record) for record in records)
    return tuple(
        _ascii_spans(record.message, tests)
        if _is_simple(record.message)
        else highlight(pointing, record)
        for record in records
    )


def pointing_part(filter_: Filter) -> Filter | None:
    """A smaller filter with the same places in every record that matches the whole; `None`: none.

    Parts of the outermost AND are known to match, so that those without words can go. Inside of an
    OR they decide whether a branch matches, so that a branch stays whole or goes.
    """
    if not _has_words(filter_):
        return None
    match filter_:
        case And(children):
            parts = [part for child in children if (part := pointing_part(child)) is not None]
            return parts[0] if len(parts) == 1 else And(tuple(parts))
        case Or(children):
            parts = [child for child in children if _has_words(child)]
            return parts[0] if len(parts) == 1 else Or(tuple(parts))
        case _:
            return filter_


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


def _phrase_tests(filter_: Filter) -> tuple[re.Pattern[str], ...] | None:
    """Finds each phrase of a filter that consists of phrases only, else `None`."""
    match filter_:
        case Tokens(phrase):
            is_ascii = all(_ASCII_WORD.fullmatch(token) for token in phrase)
            return (_phrase_test(phrase),) if is_ascii else None
        case And(children) | Or(children):
            found: list[re.Pattern[str]] = []
            for child in children:
                tests = _phrase_tests(child) if isinstance(child, Tokens) else None
                if tests is None:
                    return None
                found += tests
            return tuple(found)
        case _:
            return None


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
