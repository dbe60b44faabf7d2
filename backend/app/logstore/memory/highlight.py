"""Where in `message` a query found its words."""

from __future__ import annotations

from collections.abc import Iterable

from app.logstore.memory.evaluate import matches
from app.logstore.memory.regex import whole_value_test
from app.logstore.memory.subject import AnyRecord, Subject
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
from app.query.patterns import Pattern

Span = tuple[int, int]


def highlight(filter_: Filter, record: AnyRecord) -> list[Span]:
    """The places of words, phrases and word patterns, [start, end) in code points of `message`.

    Sorted, overlapping or touching ones merged; a phrase is one place from its first token to its
    last. Only what made the record match counts: nothing under NOT, and nothing of a branch that
    does not match as a whole.
    """
    return _merged(_spans(filter_, Subject(record)) or [])


def _spans(filter_: Filter, subject: Subject) -> list[Span] | None:
    """The places, perhaps none of a filter that matches; `None` where it does not match."""
    match filter_:
        case Tokens(tokens):
            return _phrase_spans(tokens, subject) or None
        case TokenMatches(pattern):
            return _token_spans(pattern, subject) or None
        case And(children):
            found = [_spans(child, subject) for child in children]
            return None if None in found else _together(found)
        case Or(children):
            found = [_spans(child, subject) for child in children]
            return None if all(spans is None for spans in found) else _together(found)
        case Not() | Everything() | Exists() | Equals() | Matches():
            return [] if matches(filter_, subject) else None
        case NumberRange() | StringRange() | TimeWithin():
            return [] if matches(filter_, subject) else None


def _together(found: Iterable[list[Span] | None]) -> list[Span]:
    return [span for spans in found for span in spans or ()]


def _phrase_spans(phrase: tuple[str, ...], subject: Subject) -> list[Span]:
    words = subject.words
    if phrase[0] not in words:
        return []
    tokens, length = subject.tokens, len(phrase)
    return [
        (tokens[place].start, tokens[place + length - 1].end)
        for place, word in enumerate(words)
        if word == phrase[0] and words[place : place + length] == phrase
    ]


def _token_spans(pattern: Pattern, subject: Subject) -> list[Span]:
    test = whole_value_test(pattern)
    return [(token.start, token.end) for token in subject.tokens if test(token.text)]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
