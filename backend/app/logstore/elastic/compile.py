"""A filter as a query of Elasticsearch: every attribute is asked as mapped field OR token in `rest`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Unsupported
from app.logstore.elastic import regex
from app.logstore.elastic.names import (
    EXACT,
    KEYWORD_PATH,
    LARGEST,
    MAX_VALUE_CHARACTERS,
    NUL,
    as_double,
    field_names,
    fields_below,
    keyword_token,
    number_token,
    string_token,
    token_path,
)
from app.logstore.elastic.questions import Query, within
from app.query.fields import Field, Kind
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
    Scalar,
    StringRange,
    TimeWithin,
    TokenMatches,
    Tokens,
)

# Our own measure (`query.complexity`) lies far below.
_MAX_STATES = 1_000_000
_GREATEST = 2**63 - 1

ALL: Query = {"match_all": {}}
NOTHING: Query = {"match_none": {}}

# The tokens in `rest` of values that are too long to be compared there, by the leaf that asks.
LongTokens = Mapping[StringRange | Matches, Sequence[str]]


def compiled(filter_: Filter, long_tokens: LongTokens) -> Query:
    """The query that matches the same records (of all organisations)."""
    match filter_:
        case Everything():
            return ALL
        case Not(child):
            return {"bool": {"must_not": [compiled(child, long_tokens)]}}
        case And(children):
            return all_of([compiled(child, long_tokens) for child in children])
        case Or(children):
            return any_of([compiled(child, long_tokens) for child in children])
        case Tokens(tokens):
            # Through the analyzer, whose tables may be newer than ours: so both sides use them.
            return {"match_phrase": {"search_text": " ".join(tokens)}}
        case TokenMatches(pattern):
            return regexp("search_text", "", regex.printed(pattern))
        case Exists() | TimeWithin() | Equals() | NumberRange() | StringRange() | Matches():
            return _values(filter_, long_tokens)


def _values(
    filter_: Exists | TimeWithin | Equals | NumberRange | StringRange | Matches,
    long_tokens: LongTokens,
) -> Query:
    match filter_:
        case Exists(field):
            return exists(field)
        case TimeWithin(field, from_ns, to_ns):
            return within(column_of(field), from_ns, to_ns)
        case Equals(field, values):
            return _equals(field, values)
        case NumberRange():
            return _number_range(filter_)
        case StringRange() | Matches():
            return _strings(filter_, long_tokens.get(filter_, ()))


def any_of(queries: Sequence[Query]) -> Query:
    """Records that match at least one of the queries."""
    possible = [query for query in queries if query != NOTHING]
    if not possible:
        return NOTHING
    return possible[0] if len(possible) == 1 else {"bool": {"should": possible}}


def all_of(queries: Sequence[Query]) -> Query:
    """Records that match all of the queries."""
    return {"bool": {"filter": list(queries)}}


def but_not(query: Query, unwanted: Query) -> Query:
    """Records that match the first and not the second."""
    return {"bool": {"filter": [query], "must_not": [unwanted]}}


def terms(field: str, values: Sequence[Any]) -> Query:
    """Records that have any of the values."""
    return {"terms": {field: list(values)}} if values else NOTHING


def regexp(field: str, prefix: str, pattern: str | None) -> Query:
    """Records with a term that is the prefix and then matches the printed pattern."""
    if pattern is None:
        return NOTHING
    asked = {
        "value": regex.literal(prefix) + pattern,
        "flags": "NONE",
        "max_determinized_states": _MAX_STATES,
    }
    return {"regexp": {field: asked}}


def prefixed(field: str, prefix: str) -> Query:
    """Records with a term that begins so."""
    return {"prefix": {field: prefix}}


def column_of(field: Field) -> str:
    """The field behind a built-in one other than `message`."""
    return {"@timestamp": "ts", "observed_at": "observed"}.get(field.name, field.name)


def has_numbers(field: Field) -> bool:
    """Whether values of the field may be numbers."""
    return field.kind in {Kind.NUMBER, Kind.TIME, Kind.ATTRIBUTE}


def has_strings(field: Field) -> bool:
    """Whether values of the field may be strings that can be compared as a whole."""
    if field.kind is Kind.TEXT:
        raise Unsupported("the whole text of 'message' cannot be compared, only its tokens")
    return field.kind in {Kind.KEYWORD, Kind.LEVEL, Kind.ATTRIBUTE}


def rest_prefix(field: Field) -> str:
    """What tokens of the field's values in `rest` begin with."""
    return (token_path(field.name) if field.is_attribute else KEYWORD_PATH + field.name) + NUL


def exists(field: Field) -> Query:
    """Records with a value of the field, of an attribute also below it."""
    if field.kind in {Kind.TEXT, Kind.TIME}:
        return ALL
    if not field.is_attribute:
        return any_of([{"exists": {"field": field.name}}, prefixed("rest", rest_prefix(field))])
    below = token_path(field.name) + "."
    parts = [exists_at(field), prefixed("rest", below)]
    parts += [{"exists": {"field": pattern}} for pattern in fields_below(field.name)]
    return any_of(parts)


def exists_at(field: Field) -> Query:
    """Records with a value at the attribute itself: an object is none."""
    return any_of([*map(has_values, field_names(field.name) or ()), has_rest(field)])


def has_values(name: str) -> Query:
    """Records with a value in this attribute field (`names.field_names`).

    Not `exists`: of a field that is not mapped that takes those whose names begin so.
    """
    match name[len("attr.")]:
        case "s":
            return {"range": {name: {"gte": ""}}}
        case "n":
            return {"range": {name: {"gte": -LARGEST}}}
        case _:
            return terms(name, [False, True])


def has_rest(field: Field, kinds: str = "snbh") -> Query:
    """Records with a value of the field itself in `rest`."""
    prefix = rest_prefix(field)
    return any_of([prefixed("rest", prefix + kind) for kind in kinds])


def _equals(field: Field, values: Sequence[Scalar]) -> Query:
    if field.is_attribute:
        return _attribute_equals(field.name, values)
    if has_numbers(field):
        numbers = [value for value in values if type(value) in (int, float)]
        return any_of([_integers(field, value, value, "[]") for value in numbers])  # type: ignore[arg-type]
    texts = [value for value in values if isinstance(value, str)] if has_strings(field) else []
    short = [text for text in texts if len(text) <= MAX_VALUE_CHARACTERS]
    long = [keyword_token(field.name, t) for t in texts if len(t) > MAX_VALUE_CHARACTERS]
    return any_of([terms(field.name, short), terms("rest", long)])


def _attribute_equals(path: str, values: Sequence[Scalar]) -> Query:
    spelled = token_path(path)
    tokens: list[str] = []
    mapped: dict[str, list[Scalar]] = {"s": [], "n": [], "b": []}
    for value in values:
        match value:
            case bool():
                tokens.append(f"{spelled}{NUL}b{int(value)}")
                mapped["b"].append(value)
            case str():
                tokens.append(string_token(spelled, value))
                if len(value) <= MAX_VALUE_CHARACTERS:
                    mapped["s"].append(value)
            case int() if not -EXACT <= value <= EXACT:
                tokens.append(f"{spelled}{NUL}i{value}")
            case int() | float():
                number = as_double(value)
                tokens.append(f"{spelled}{NUL}n{number_token(number)}")
                if math.isfinite(number):
                    mapped["n"].append(number)
    names = field_names(path)
    queries = [terms("rest", tokens)]
    if names is not None:
        queries += [terms(name, mapped[name[5]]) for name in names]
    return any_of(queries)


def _number_range(asked: NumberRange) -> Query:
    field = asked.field
    if not has_numbers(field):
        return NOTHING
    low = None if asked.lower is None else as_double(asked.lower)
    high = None if asked.upper is None else as_double(asked.upper)
    signs = ("[" if asked.includes_lower else "{") + ("]" if asked.includes_upper else "}")
    if not field.is_attribute:
        return _integers(field, low, high, signs)
    parts = [_number_tokens(field, low, high, signs)]
    names = field_names(field.name)
    bounds = _bounds(low, high, signs)
    if names is not None and all(map(math.isfinite, bounds.values())):
        parts.append({"range": {names[1]: bounds}} if bounds else {"exists": {"field": names[1]}})
    return any_of(parts)


def _bounds(low: float | None, high: float | None, signs: str) -> dict[str, float]:
    """The bounds of a range over doubles that are finite: infinite ones exclude all or nothing."""
    bounds: dict[str, float] = {}
    if low is not None and low != -math.inf:
        bounds["gte" if signs[0] == "[" else "gt"] = low
    if high is not None and high != math.inf:
        bounds["lte" if signs[1] == "]" else "lt"] = high
    return bounds


def _number_tokens(field: Field, low: float | None, high: float | None, signs: str) -> Query:
    first = int(number_token(-math.inf if low is None else low), 16)
    last = int(number_token(math.inf if high is None else high), 16)
    first += low is not None and signs[0] == "{"
    last -= high is not None and signs[1] == "}"
    if first > last:
        return NOTHING
    prefix = f"{rest_prefix(field)}n"
    return {"range": {"rest": {"gte": f"{prefix}{first:016x}", "lte": f"{prefix}{last:016x}"}}}


def _integers(field: Field, low: float | None, high: float | None, signs: str) -> Query:
    """Records whose built-in integer lies between two numbers."""
    if low == math.inf or high == -math.inf:
        return NOTHING
    first, last = -_GREATEST, _GREATEST
    if low is not None and low != -math.inf:
        first = max(first, math.ceil(low) + (signs[0] == "{" and math.ceil(low) == low))
    if high is not None and high != math.inf:
        last = min(last, math.floor(high) - (signs[1] == "}" and math.floor(high) == high))
    if first > last:
        return NOTHING
    return {"range": {column_of(field): {"gte": first, "lte": last}}}


def _strings(filter_: StringRange | Matches, long_tokens: Sequence[str]) -> Query:
    field = filter_.field
    if not has_strings(field):
        return NOTHING
    parts = [terms("rest", long_tokens)]
    if not field.is_attribute:
        return any_of([_strings_in(field.name, "", filter_), *parts])
    parts.append(_strings_in("rest", f"{rest_prefix(field)}s", filter_))
    names = field_names(field.name)
    if names is not None:
        parts.append(_strings_in(names[0], "", filter_))
    return any_of(parts)


def _strings_in(field: str, prefix: str, filter_: StringRange | Matches) -> Query:
    if isinstance(filter_, Matches):
        return regexp(field, prefix, regex.printed(filter_.pattern))
    bounds = {}
    if filter_.lower is not None:
        bounds["gte" if filter_.includes_lower else "gt"] = prefix + filter_.lower
    elif prefix:
        bounds["gte"] = prefix
    if filter_.upper is not None:
        bounds["lte" if filter_.includes_upper else "lt"] = prefix + filter_.upper
    elif prefix:
        bounds["lt"] = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return {"range": {field: bounds}} if bounds else {"exists": {"field": field}}
