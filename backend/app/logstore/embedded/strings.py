"""Ranges of strings by code point, and the few values that are too long to be terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import re2
import tantivy
from tantivy import Query

from app.core.errors import Unsupported
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.paths import is_plain, json_field
from app.logstore.embedded.ranges import is_word
from app.logstore.embedded.schema import (
    KEYWORD_PATH,
    NUL,
    SCHEMA,
    STRING_MARK,
    escape_path,
    hash_token,
)
from app.logstore.schema import leaves_of
from app.logstore.types import StoredRecord
from app.query.fields import Field
from app.query.filters import StringRange

MAX_LONG_VALUES = 1_000
MAX_LISTED_TERMS = 60_000

_RE2 = re2.Options()
_RE2.log_errors = False
_RE2.never_capture = True

# The stored record of any match of the query.
FindOne = Callable[[Query], StoredRecord]
Test = Callable[[str], bool]


class StringTerms:
    """The strings of one partition, as one searcher sees them."""

    def __init__(self, index: tantivy.Index, searcher: tantivy.Searcher, find_one: FindOne) -> None:
        self._index = index
        self._searcher = searcher
        self._find_one = find_one

    def within(self, asked: StringRange) -> list[Query]:
        """Queries for the records with a string in the range; any of them may match."""
        field = asked.field
        if field.is_attribute:
            queries = self._in_rest(asked)
            if is_plain(field.name):
                queries += self._mapped(asked)
        else:
            queries = self._keyword(asked)
        return [*queries, *self._long_values(field, lambda text: is_within(text, asked))]

    def long_values_matching(self, field: Field, pattern: str) -> list[Query]:
        """Queries for the records with a value beyond the limit that matches the printed pattern."""
        prefix = rest_prefix(field)
        if not self._searcher.terms_with_prefix("rest", f"{prefix}h", limit=1):
            return []
        compiled = re2.compile(pattern, _RE2)
        return self._long_values(field, lambda text: compiled.fullmatch(text) is not None)

    def _long_values(self, field: Field, test: Test) -> list[Query]:
        prefix = rest_prefix(field)
        terms = self._searcher.terms_with_prefix("rest", f"{prefix}h", limit=MAX_LONG_VALUES + 1)
        if len(terms) > MAX_LONG_VALUES:
            raise Unsupported(f"{field.name!r} has too many values beyond 8191 characters")
        found = [token for token, _ in terms if test(self.long_value(field, token))]
        return [_term_set("rest", found)] if found else []

    def long_value(self, field: Field, token: str) -> str:
        """The value that a token of `rest` stands for by its hash."""
        record = self._find_one(Query.term_query(SCHEMA, "rest", token, index_option="basic"))
        wanted = token.removeprefix(rest_prefix(field))
        return next(text for text in _texts(record, field) if hash_token(text) == wanted)

    def _in_rest(self, asked: StringRange) -> list[Query]:
        prefix = f"{rest_prefix(asked.field)}s"
        found = self._searcher.terms_with_prefix("rest", prefix, limit=1)
        if not found:
            return []
        text = _range_text("rest", prefix, asked, end=f"{rest_prefix(asked.field)}t")
        if text is not None:
            return [self._index.parse_query(text)]
        return self._listed("rest", prefix, asked)

    def _mapped(self, asked: StringRange) -> list[Query]:
        name = json_field(asked.field.name)
        text = _range_text(name, STRING_MARK, asked, end=chr(ord(STRING_MARK) + 1))
        if text is not None:
            return [self._index.parse_query(text)]
        answer = self._searcher.aggregate(
            Query.all_query(), {"terms": {"terms": {"field": name, "size": MAX_LISTED_TERMS}}}
        )
        if answer["terms"]["sum_other_doc_count"]:
            raise Unsupported(f"{asked.field.name!r} has too many values for this range")
        keys = (bucket["key"] for bucket in answer["terms"]["buckets"])
        found = [key for key in keys if isinstance(key, str) and is_within(key[1:], asked)]
        return [_term_set(name, found)] if found else []

    def _keyword(self, asked: StringRange) -> list[Query]:
        name = asked.field.name
        if name == "id":
            asked = _on_ids(asked)
        text = _range_text(name, "", asked, end=None)
        if text is not None:
            return [self._index.parse_query(text)]
        return self._listed(name, "", asked)

    def _listed(self, name: str, prefix: str, asked: StringRange) -> list[Query]:
        terms = self._searcher.terms_with_prefix(name, prefix)
        found = [term for term, _ in terms if is_within(term[len(prefix) :], asked)]
        return [_term_set(name, found)] if found else []


def rest_prefix(field: Field) -> str:
    """What the field's tokens in `rest` begin with."""
    path = escape_path(field.name) if field.is_attribute else KEYWORD_PATH + field.name
    return path + NUL


def is_within(text: str, asked: StringRange) -> bool:
    """Whether a string lies in the range."""
    lower, upper = asked.lower, asked.upper
    above = lower is None or text > lower or (asked.includes_lower and text == lower)
    below = upper is None or text < upper or (asked.includes_upper and text == upper)
    return above and below


def _range_text(name: str, prefix: str, asked: StringRange, end: str | None) -> str | None:
    """The range in tantivy's syntax, or `None` where it cannot be written.

    `end`: the first text beyond all that begin with `prefix`.
    """
    lower = prefix if asked.lower is None else prefix + asked.lower
    upper = end if asked.upper is None else prefix + asked.upper
    if not is_word(lower or "a") or (upper is not None and not is_word(upper)):
        return None
    if not lower and not asked.includes_lower and asked.lower is not None:
        return None
    opening = "[" if asked.includes_lower or asked.lower is None else "{"
    closing = "]" if asked.includes_upper and asked.upper is not None else "}"
    return f"{name}:{opening}{lower or '*'} TO {'*' if upper is None else upper}{closing}"


def _on_ids(asked: StringRange) -> StringRange:
    lower = None if asked.lower is None else id_term(asked.lower)
    upper = None if asked.upper is None else id_term(asked.upper)
    return StringRange(asked.field, lower, upper, asked.includes_lower, asked.includes_upper)


def _term_set(name: str, terms: Iterable[str]) -> Query:
    return Query.term_set_query(SCHEMA, name, list(terms))


def _texts(record: StoredRecord, field: Field) -> Iterator[str]:
    if field.is_attribute:
        leaves, _ = leaves_of(dict(record.attributes))
        yield from (text for path, text in leaves if path == field.name and isinstance(text, str))
    else:
        yield getattr(record, field.name)
