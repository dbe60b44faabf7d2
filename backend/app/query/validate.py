"""What editors ask while somebody types: is this a query, and if not, where and why."""

from __future__ import annotations

from dataclasses import dataclass

from app.query.errors import QuerySyntaxError
from app.query.filters import Filter
from app.query.parser import parse
from app.query.resolve import resolve
from app.query.tree import Query


@dataclass(frozen=True, slots=True)
class Validation:
    """Either an error, or the tree and what it means."""

    query: Query | None = None
    filter: Filter | None = None
    error: QuerySyntaxError | None = None

    @property
    def is_valid(self) -> bool:
        """Whether a search with this text would be run."""
        return self.error is None


def validate(text: str, *, now_ns: int) -> Validation:
    """Reads a query and never raises for what is wrong with it."""
    try:
        query = parse(text)
        return Validation(query, resolve(query, now_ns=now_ns))
    except QuerySyntaxError as error:
        return Validation(error=error)
