"""Our own regular-expression tree: one dialect, printed for each engine beside its store.

Wildcards become the same tree. A pattern always has to match the whole value. The functions below
make patterns in their simplest form.
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

LAST_CODE_POINT = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]


def of_glob(glob: str) -> Pattern:
    r"""The pattern of a wildcard: `*` any run, `?` one code point, `\` makes the next literal."""
    parts: list[Pattern] = []
    is_escaped = False
    for character in glob:
        if is_escaped or character not in "*?\\":
            parts.append(Text(character))
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif character == "?":
            parts.append(AnyCodePoint())
        elif not parts or parts[-1] is not ANY_RUN:
            parts.append(ANY_RUN)
    return in_sequence(parts)


def in_sequence(parts: list[Pattern]) -> Pattern:
    """The parts one after another, in their simplest form."""
    flat: list[Pattern] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Sequence) else (part,):
            if isinstance(piece, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].text + piece.text)
            elif not isinstance(piece, Empty):
                flat.append(piece)
    if not flat:
        return Empty()
    return flat[0] if len(flat) == 1 else Sequence(tuple(flat))


def any_of(branches: list[Pattern]) -> Pattern:
    """Any of the branches, in its simplest form."""
    flat: list[Pattern] = []
    for branch in branches:
        for piece in branch.branches if isinstance(branch, Either) else (branch,):
            if piece not in flat:
                flat.append(piece)
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


def repeated(part: Pattern, least: int, most: int | None) -> Pattern:
    """The part repeated, in its simplest form."""
    if isinstance(part, Empty) or most == 0:
        return Empty()
    return part if (least, most) == (1, 1) else Repeat(part, least, most)


def one_code_point(ranges: list[tuple[int, int]], *, negated: bool) -> Pattern:
    """One code point inside or outside the ranges, in its simplest form."""
    merged = merge(ranges)
    if not negated and len(merged) == 1 and merged[0][0] == merged[0][1]:
        return Text(chr(merged[0][0]))
    return OneOf(merged, negated)


def merge(ranges: list[tuple[int, int]]) -> Ranges:
    """The same code points as sorted ranges that do not touch."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every code point outside of merged ranges."""
    outside: list[tuple[int, int]] = []
    start = 0
    for first, last in ranges:
        if first > start:
            outside.append((start, first - 1))
        start = last + 1
    if start <= LAST_CODE_POINT:
        outside.append((start, LAST_CODE_POINT))
    return tuple(outside)


def quantifier(least: int, most: int | None) -> str:
    """How often something repeats, as re2, tantivy and Lucene all spell it."""
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _, None:
            return f"{{{least},}}"
        case _:
            return f"{{{least},{most}}}"
