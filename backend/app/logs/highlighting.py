"""Which part of a filter can point at places in `message` of records that match it."""

from __future__ import annotations

from collections.abc import Sequence

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

Spans = list[tuple[int, int]]


def spans_of_hits(filter_: Filter, records: Sequence[StoredRecord]) -> tuple[Spans, ...]:
    """The places in `message` of each of the records, all of which match the filter."""
    pointing = pointing_part(filter_)
    if pointing is None:
        return tuple([] for _ in records)
    return tuple(highlight(pointing, record) for record in records)


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
