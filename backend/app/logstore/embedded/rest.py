"""What the tokens of `rest` say: values of fields beyond the budget, and values too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tantivy import Query

from app.core.errors import Unsupported
from app.logstore.embedded import regex
from app.logstore.embedded.columns import Key, plain
from app.logstore.embedded.compile import regex_query
from app.logstore.embedded.partition import Snapshot
from app.logstore.embedded.schema import KEYWORD_PATH, NUL, number_of_token, unescape_path
from app.logstore.embedded.strings import rest_prefix
from app.query.fields import Field

MAX_TOKENS = 200_000

_KINDS = {"s": "string", "h": "string", "n": "number", "b": "boolean"}


class Token(NamedTuple):
    """A token taken apart: a path as sent, the kind's letter, and what follows it."""

    path: str
    letter: str
    text: str
    records: int

    @property
    def kind(self) -> str:
        """The kind of value that it stands for."""
        return _KINDS[self.letter]


def attribute_tokens(snapshot: Snapshot, query: Query) -> Iterator[Token]:
    """Every token of an attribute among the matching records; `Unsupported` if they are too many.

    Integers beyond ±2**53 have a second token, which is left out.
    """
    found = snapshot.searcher.terms_with_prefix("rest", "", query, limit=MAX_TOKENS + 1)
    if len(found) > MAX_TOKENS:
        raise Unsupported("fields that are not mapped have too many values to be listed")
    for term, records in found:
        path, _, value = term.partition(NUL)
        if not path.startswith(KEYWORD_PATH) and not value.startswith("i"):
            yield Token(unescape_path(path), value[0], value[1:], records)


def values_in_rest(snapshot: Snapshot, query: Query, field: Field) -> dict[Key, int]:
    """The field's values that no column holds, and in how many matching records each is."""
    prefix = rest_prefix(field)
    found = snapshot.searcher.terms_with_prefix("rest", prefix, query, limit=MAX_TOKENS + 1)
    if len(found) > MAX_TOKENS:
        raise Unsupported(f"{field.name!r} has too many values to be listed")
    counts: dict[Key, int] = {}
    for term, records in found:
        key = _key(snapshot, field, term, term[len(prefix) :])
        if key is not None:
            counts[key] = records
    return counts


def has_rest(field: Field) -> Query:
    """Records with a value of the field itself (not below it) in `rest`."""
    return regex_query("rest", f"{regex.literal(rest_prefix(field))}[snbh]{regex.ANY_RUN}")


def _key(snapshot: Snapshot, field: Field, term: str, value: str) -> Key | None:
    match value[0]:
        case "s":
            return "string", value[1:]
        case "n":
            return "number", plain(number_of_token(value[1:]))
        case "b":
            return "boolean", value == "b1"
        case "h":
            return "string", snapshot.compiler.strings.long_value(field, term)
        case _:
            return None
