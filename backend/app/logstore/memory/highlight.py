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
    return _merged(_spans(filter_, Subject(record)))


def _spans(filter_: Filter, subject: Subject) -> list[Span]:
    match filter_:
        case Tokens(tokens):
            return _phrase_spans(tokens, subject)
        case TokenMatches(pattern):
            return _token_spans(pattern, subject)
        case And(children) | Or(children):
            if not matches(filter_, subject):
                return []
            return [span for child in children for span in _spans(child, subject)]
        case Not() | Everything() | Exists() | Equals() | Matches():
            return []
        case NumberRange() | StringRange() | TimeWithin():
            return []


def _phrase_spans(phrase: tuple[str, ...], subject: Subject) -> list[Span]:
    tokens = subject.tokens
    spans = []
    for start in range(len(tokens) - len(phrase) + 1):
        window = tokens[start : start + len(phrase)]
        if tuple(token.text for token in window) == phrase:
            spans.append((window[0].start, window[-1].end))
    return spans


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
