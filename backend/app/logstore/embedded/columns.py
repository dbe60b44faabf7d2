"""The columns behind fields: what can be grouped by and computed over, and values as keys."""

from __future__ import annotations

from typing import Any

from tantivy import Query

from app.core.errors import Unsupported
from app.logstore.embedded import regex
from app.logstore.embedded.compile import all_of, regex_query
from app.logstore.embedded.ids import id_of_term, id_term
from app.logstore.embedded.partition import Snapshot
from app.logstore.embedded.paths import is_plain, json_field
from app.logstore.embedded.schema import KEYWORDS_WITHOUT_COLUMN, STRING_MARK
from app.logstore.embedded.strings import rest_prefix
from app.logstore.schema import EXACT_INTEGER_BOUND, json_text
from app.query.fields import Field, Kind

# A value as it stands in tables, in front of it what kind it is: 1, true and "1" are three.
Key = tuple[str, Any]

_NUMBERS_ONLY = "n"
_ALL_VALUES = "snbh"


def column_of(field: Field) -> str:
    """The column of a field; `Unsupported` names those that have none."""
    if field.is_attribute:
        return json_field(field.name)
    if field.kind is Kind.TEXT or field.name in KEYWORDS_WITHOUT_COLUMN:
        raise Unsupported(f"the field {field.name!r} cannot be aggregated, only searched")
    return {"@timestamp": "ts", "observed_at": "observed"}.get(field.name, field.name)


def has_column(field: Field) -> bool:
    """Whether there is a column to ask at all."""
    return not field.is_attribute or is_plain(field.name)


def refuse_unmapped(
    snapshot: Snapshot, query: Query, field: Field, *, only_numbers: bool = False
) -> None:
    """Raises `Unsupported` when a matching record has a value of the field that no column holds."""
    kinds = _NUMBERS_ONLY if only_numbers else _ALL_VALUES
    prefix = rest_prefix(field)
    searcher = snapshot.searcher
    if not any(searcher.terms_with_prefix("rest", prefix + kind, limit=1) for kind in kinds):
        return
    pattern = f"{regex.literal(prefix)}[{kinds}]{regex.ANY_RUN}"
    if snapshot.count(all_of([query, regex_query("rest", pattern)])):
        raise Unsupported(
            f"the field {field.name!r} cannot be aggregated: it is beyond the number of fields that"
            " are mapped, or has values of more than 8191 characters"
        )


def key_of(field: Field, bucket: dict[str, Any]) -> Key:
    """The value that a bucket of tantivy's `terms` stands for."""
    key = bucket["key"]
    if isinstance(key, str):
        if field.is_attribute:
            return "string", key.removeprefix(STRING_MARK)
        return "string", id_of_term(key) if field.name == "id" else key
    if "key_as_string" in bucket:
        return "boolean", bool(key)
    return "number", plain(key)


def term_of(field: Field, value: str) -> str:
    """The inverse of `key_of` for strings."""
    if field.is_attribute:
        return STRING_MARK + value
    return id_term(value) if field.name == "id" else value


def plain(number: float) -> int | float:
    """A number as it stands in tables: whole ones within ±2**53 are integers."""
    double = float(number)
    is_whole = double.is_integer() and abs(double) <= EXACT_INTEGER_BOUND
    return int(double) if is_whole else double


def text_of(key: Key) -> str:
    """The text that a value is ordered by and filtered by prefix: a string itself, else its JSON."""
    return key[1] if isinstance(key[1], str) else json_text(key[1])


def rank(key: Key, count: int) -> tuple[int, str, str]:
    """Sorts the most frequent value first; of equally frequent ones by text, then by kind."""
    return -count, text_of(key), key[0]
