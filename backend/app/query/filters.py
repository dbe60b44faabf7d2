"""What a store has to answer: the resolved form of a query's filter.

`resolve` makes it from the syntax tree: names have become fields, literals typed values, dates
instants, spellings of levels levels, wildcards and regular expressions one pattern tree. Stores
compile it, `match` it in full, and never see the text.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.query.fields import Field
from app.query.patterns import Pattern

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Everything:
    """Every record in range."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """`message` has these tokens next to each other, in order; at least one, lower-cased."""

    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenMatches:
    """One whole token of `message` matches; the pattern is already folded to lower case."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Equals:
    """Any value of the field equals any of these; no values: matches nothing.

    A string equals the same string only, a boolean the same boolean only. Numbers compare as IEEE
    doubles, except that an integer beyond ±2**53 equals only a number of exactly that value.
    `bool` is never a number here although Python's is one.
    """

    field: Field
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """At least one value that is not null, at the path or, for attributes, below it."""

    field: Field


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Any number of the field lies between the bounds, as doubles; `None` is open.

    Strings and booleans are never numbers here. At least one bound is given.
    """

    field: Field
    lower: float | None
    upper: float | None
    includes_lower: bool
    includes_upper: bool


@dataclass(frozen=True, slots=True)
class StringRange:
    """Any string of the field lies between the bounds by code point; `None` is open."""

    field: Field
    lower: str | None
    upper: str | None
    includes_lower: bool
    includes_upper: bool


@dataclass(frozen=True, slots=True)
class TimeWithin:
    """A time field lies in [`from_ns`, `to_ns`), nanoseconds since 1970; `None` is open."""

    field: Field
    from_ns: int | None
    to_ns: int | None


@dataclass(frozen=True, slots=True)
class Matches:
    """Any whole string value of the field matches, case-sensitive."""

    field: Field
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Not:
    """Every record in range that the child does not match."""

    child: Filter


@dataclass(frozen=True, slots=True)
class And:
    """All children match; at least two."""

    children: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any child matches; at least two."""

    children: tuple[Filter, ...]


Filter = (
    Everything
    | Tokens
    | TokenMatches
    | Equals
    | Exists
    | NumberRange
    | StringRange
    | TimeWithin
    | Matches
    | Not
    | And
    | Or
)
