"""Patterns that match lower-cased text as they would match the text before, whatever its case."""

from __future__ import annotations

from bisect import bisect_left

from app.query.patterns import (
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Ranges,
    Repeat,
    Sequence,
    Text,
    any_of,
    in_sequence,
    one_code_point,
    repeated,
)
from app.query.words import lower, lower_pairs


def folded(pattern: Pattern) -> Pattern:
    """The pattern for text in which every code point is lower-cased on its own.

    A class gets the lower case of its members; a negated one excludes it with them.
    """
    match pattern:
        case Empty() | AnyCodePoint():
            return pattern
        case Text(text):
            return Text("".join(map(lower, text)))
        case OneOf(ranges, negated):
            return one_code_point([*ranges, *_lower_case(ranges)], negated=negated)
        case Sequence(parts):
            return in_sequence([folded(part) for part in parts])
        case Either(branches):
            return any_of([folded(branch) for branch in branches])
        case Repeat(part, least, most):
            return repeated(folded(part), least, most)


def _lower_case(ranges: Ranges) -> list[tuple[int, int]]:
    pairs = lower_pairs()
    found: list[tuple[int, int]] = []
    for first, last in ranges:
        start = bisect_left(pairs, (first, 0))
        end = bisect_left(pairs, (last + 1, 0))
        found += [(lowered, lowered) for _, lowered in pairs[start:end]]
    return found
