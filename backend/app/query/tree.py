"""The syntax tree: what was written, before names and values get their meaning.

Every node knows its place in the text; places do not count when trees are compared. Trees that
`parse` gives keep these promises, and `show` needs them of trees made otherwise: `And` and `Or`
have at least two children, none of their own kind; a `Word` is not empty; a `Wildcard` has a
wildcard and is not just `*`, which is `Anything`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from app.query.spans import NOWHERE, Span


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a field as it was written, quoting and escapes removed."""

    text: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """An unquoted value without wildcards, escapes removed: text, or a number or boolean."""

    text: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text in double quotes, escapes removed; may be empty."""

    text: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Wildcard:
    r"""An unquoted value with wildcards: `*` any run, `?` one code point, `\` before `*?\` only."""

    glob: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, as it stands between the slashes."""

    source: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Anything:
    """A star alone: any value at all, or an open bound."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)


Value = Word | Quoted | Wildcard | Regex | Anything
Bound = Word | Quoted | Anything


class Operator(Enum):
    """How a field is compared with a value."""

    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class All:
    """Every record."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Match:
    """A value of a field; without a field the text of the record. Never `Anything` there."""

    name: Name | None
    value: Value
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; the value is a word or quoted text, with `!=` any value."""

    name: Name
    operator: Operator
    value: Value
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Range:
    """Two bounds, each included or not; `Anything` is an open bound."""

    name: Name
    lower: Bound
    upper: Bound
    includes_lower: bool
    includes_upper: bool
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """What the child does not match."""

    child: Node
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """What all children match."""

    children: tuple[Node, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """What any child matches."""

    children: tuple[Node, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Leaf = All | Match | Compare | Range
Node = Leaf | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: a filter, then the stages after its pipes (none yet).

    `text` is what was parsed, for errors that point into it; empty for a tree made otherwise.
    """

    filter: Node
    stages: tuple[()] = ()
    text: str = field(default="", compare=False, repr=False)
