"""The few strings that are too long to be terms: looked up one by one before a question is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import re2

from app.core.errors import Invalid, Unsupported
from app.logstore.elastic import regex
from app.logstore.elastic.asking import Asking
from app.logstore.elastic.compile import (
    LongTokens,
    all_of,
    but_not,
    has_strings,
    prefixed,
    rest_prefix,
    terms,
)
from app.logstore.elastic.document import stored_record
from app.logstore.elastic.names import KEYWORDS, keyword_token, string_token, token_path
from app.logstore.elastic.questions import Query
from app.logstore.schema import leaves_of
from app.logstore.types import StoredRecord
from app.query.fields import Field
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

MAX_LONG_VALUES = 1_000
_PAGE = 100

_RE2 = re2.Options()
_RE2.log_errors = False
_RE2.never_capture = True
_RE2.dot_nl = True
_RE2.max_mem = 64 << 20

Test = Callable[[str], bool]
Leaf = StringRange | Matches


def long_tokens(asking: Asking, filter_: Filter, confine: Callable[[Query], Query]) -> LongTokens:
    """For each leaf that compares strings the tokens of long values that match it.

    `confine` makes a query one of the organisation and range that are asked about.
    """
    leaves = [leaf for leaf in _comparing(filter_) if _may_be_long(leaf.field)]
    if not leaves:
        return {}
    fields = list(dict.fromkeys(leaf.field for leaf in leaves))
    bodies = [_body(confine(_has_long(field))) for field in fields]
    answers = asking.searches(bodies)
    values = {
        field: _all_values(asking, field, answer, confine)
        for field, answer in zip(fields, answers, strict=True)
    }
    return {
        leaf: [token for token, text in values[leaf.field].items() if test(text)]
        for leaf in leaves
        if values[leaf.field]
        for test in [_test(leaf)]
    }


def _comparing(filter_: Filter) -> Iterator[Leaf]:
    match filter_:
        case StringRange() | Matches():
            yield filter_
        case Not(child):
            yield from _comparing(child)
        case And(children) | Or(children):
            for child in children:
                yield from _comparing(child)
        case Everything() | Tokens() | TokenMatches() | Equals() | Exists() | NumberRange():
            return
        case TimeWithin():
            return


def _may_be_long(field: Field) -> bool:
    return has_strings(field) and (field.is_attribute or field.name in KEYWORDS)


def _has_long(field: Field) -> Query:
    return prefixed("rest", f"{rest_prefix(field)}h")


def _body(query: Query) -> dict[str, Any]:
    return {"query": query, "size": _PAGE, "track_total_hits": False, "sort": ["_doc"]}


def _all_values(
    asking: Asking, field: Field, answer: dict[str, Any], confine: Callable[[Query], Query]
) -> dict[str, str]:
    """Token to text of every long value of the field."""
    found: dict[str, str] = {}
    while hits := answer["hits"]["hits"]:
        for hit in hits:
            found.update(_long_of(field, stored_record(hit["_source"])))
        if len(found) > MAX_LONG_VALUES:
            raise Unsupported(f"{field.name!r} has too many values beyond 8191 characters")
        if len(hits) < _PAGE:
            break
        # A record with several of them may stay: what is left is what has none that is known.
        query = but_not(all_of([_has_long(field)]), terms("rest", list(found)))
        answer = asking.search(_body(confine(query)))
    return found


def _long_of(field: Field, record: StoredRecord) -> Iterator[tuple[str, str]]:
    if not field.is_attribute:
        text = getattr(record, field.name)
        yield keyword_token(field.name, text), text
        return
    spelled = token_path(field.name)
    mark = f"{rest_prefix(field)}h"
    for path, value in leaves_of(dict(record.attributes))[0]:
        if path == field.name and isinstance(value, str):
            token = string_token(spelled, value)
            if token.startswith(mark):
                yield token, value


def _test(leaf: Leaf) -> Test:
    if isinstance(leaf, StringRange):
        return lambda text: is_within(text, leaf)
    printed = regex.printed(leaf.pattern)
    if printed is None:
        return lambda _text: False
    try:
        pattern = re2.compile(printed, _RE2)
    except re2.error as error:
        raise Invalid("the pattern is too complex", code="regex_too_complex") from error
    return lambda text: pattern.fullmatch(text) is not None


def is_within(text: str, bounds: StringRange) -> bool:
    """Whether a text lies between the bounds, by code point."""
    lower, upper = bounds.lower, bounds.upper
    above = lower is None or text > lower or (bounds.includes_lower and text == lower)
    below = upper is None or text < upper or (bounds.includes_upper and text == upper)
    return above and below
