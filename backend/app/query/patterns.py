"""Our own regular-expression tree: one dialect, printed for each engine beside its store.

Wildcards become the same tree. A pattern always has to match the whole value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Empty:
    """Matches the empty string."""


@dataclass(frozen=True, slots=True)
class Text:
    """Matches this text, literally; at least one code point."""

    text: str


@dataclass(frozen=True, slots=True)
class AnyCodePoint:
    """Matches any one code point, newline included."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Matches one code point inside (or, negated, outside) the inclusive ranges.

    `ranges` are sorted, disjoint and not adjacent: (first, last) code points.
    """

    ranges: tuple[tuple[int, int], ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """The parts one after another; at least two."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any one of the branches; at least two."""

    branches: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The part `least` to `most` times; `most` is `None` for no bound."""

    part: Pattern
    least: int
    most: int | None


Pattern = Empty | Text | AnyCodePoint | OneOf | Sequence | Either | Repeat

ANY_RUN = Repeat(AnyCodePoint(), 0, None)
