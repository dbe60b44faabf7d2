"""What the stores of a run must have been asked: a run that asked none of a kind has failed.

A filter counts where it decides: where it finds some of the records and not all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from app.logstore.types import Function
from app.query.fields import LEVEL
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
from app.query.patterns import (
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
)

_BORDER = 2**53
_ASTRAL = 0x10000

FILTERS = frozenset(
    {
        *("and", "or", "not", "word", "phrase", "exists", "time", "one of several"),
        *("equals text", "equals number", "equals boolean", "equals level"),
        *("equals beyond ASCII", "equals beyond the BMP", "equals NUL", "equals empty text"),
        *("equals beyond 2**53", "equals a fraction", "equals minus zero"),
        *(f"numbers {kind}" for kind in ("from", "above", "to", "below")),
        *(f"texts {kind}" for kind in ("from", "above", "to", "below")),
        *("numbers at 2**53", "keyword", "attribute"),
        *(f"{of} {part}" for of in ("pattern", "word pattern") for part in ("text", "class")),
        *(f"{of} {part}" for of in ("pattern", "word pattern") for part in ("any", "repeat")),
        *("pattern either", "word pattern either", "pattern other class", "pattern empty"),
        *("word pattern other class", "not a pattern", "not an equality", "not a range"),
    }
)
PAGES = frozenset(
    {
        *("newest first", "oldest first", "several pages", "one instant on two pages"),
        *("an instant a page", "a filter", "no filter", "all times", "a range of times"),
        *(f"stream {name}" for name in (None, "default", "other", "_hidden")),
    }
)
TABLES = frozenset(
    {
        *(function.value for function in Function if function is not Function.PERCENTILE),
        *("several groups by GroupByField", "several groups by GroupByTime", "groups left out"),
        *("1 groups", "2 groups", "filtered", "answered"),
    }
)
FIELDS = frozenset(
    {
        *("fields left out", "all fields", "values left out", "all values", "with a prefix"),
        *("without a prefix", "several values", "one value"),
    }
)


class Asked:
    """Counts kinds of questions over a run."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def note_filter(self, filter_: Filter, *, found: int, total: int) -> None:
        """Takes a filter into the count that found so many of all records."""
        if 0 < found < total:
            self._seen.update(set(_kinds(filter_)))

    def note(self, *kinds: str) -> None:
        """Takes whatever else was asked into the count."""
        self._seen.update(kinds)

    def times(self, kind: str) -> int:
        return self._seen[kind]

    def missing(self, expected: frozenset[str], *, least: int = 1) -> set[str]:
        """The kinds that were asked less often."""
        return {kind for kind in expected if self._seen[kind] < least}


def _kinds(filter_: Filter) -> Iterator[str]:
    match filter_:
        case Not(child):
            yield "not"
            match child:
                case Matches() | TokenMatches():
                    yield "not a pattern"
                case Equals():
                    yield "not an equality"
                case NumberRange() | StringRange() | TimeWithin():
                    yield "not a range"
                case _:
                    pass
            yield from _kinds(child)
        case And():
            yield "and"
        case Or():
            yield "or"
        case _:
            yield from _kinds_of_leaf(filter_)


def _kinds_of_leaf(filter_: Filter) -> Iterator[str]:
    match filter_:
        case Tokens(tokens):
            yield "phrase" if len(tokens) > 1 else "word"
        case TokenMatches(pattern):
            yield from (f"word pattern {part}" for part in _parts(pattern))
        case Matches(field, pattern):
            yield "attribute" if field.is_attribute else "keyword"
            yield from (f"pattern {part}" for part in _parts(pattern))
        case Equals():
            yield from _kinds_of_equality(filter_)
        case NumberRange() | StringRange():
            yield from _kinds_of_range(filter_)
        case TimeWithin():
            yield "time"
        case Exists():
            yield "exists"
        case Everything() | Not() | And() | Or():
            pass


def _kinds_of_equality(filter_: Equals) -> Iterator[str]:
    if len(filter_.values) > 1:
        yield "one of several"
    elif filter_.field == LEVEL:
        yield "equals level"
    else:
        yield from (f"equals {kind}" for value in filter_.values for kind in _kinds_of(value))


def _kinds_of_range(bounds: NumberRange | StringRange) -> Iterator[str]:
    of = "numbers" if isinstance(bounds, NumberRange) else "texts"
    if bounds.lower is not None:
        yield f"{of} from" if bounds.includes_lower else f"{of} above"
    if bounds.upper is not None:
        yield f"{of} to" if bounds.includes_upper else f"{of} below"
    if {bounds.lower, bounds.upper} & {float(_BORDER), float(-_BORDER)}:
        yield "numbers at 2**53"


def _kinds_of(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield "boolean"
    elif isinstance(value, str):
        yield "text"
        highest = max(map(ord, value), default=-1)
        if highest < 0:
            yield "empty text"
        if highest >= 0x80:
            yield "beyond the BMP" if highest >= _ASTRAL else "beyond ASCII"
        if "\0" in value:
            yield "NUL"
    else:
        yield "number"
        if abs(value) > _BORDER:
            yield "beyond 2**53"
        if value != math.floor(value):
            yield "a fraction"
        if value == 0 and math.copysign(1, value) < 0:
            yield "minus zero"


def _parts(pattern: Pattern) -> Iterator[str]:
    match pattern:
        case Empty():
            yield "empty"
        case Text():
            yield "text"
        case AnyCodePoint():
            yield "any"
        case OneOf(_, negated):
            yield "other class" if negated else "class"
        case Repeat(part):
            yield "repeat"
            yield from _parts(part)
        case Sequence(parts):
            for part in parts:
                yield from _parts(part)
        case Either(branches):
            yield "either"
            for branch in branches:
                yield from _parts(branch)
