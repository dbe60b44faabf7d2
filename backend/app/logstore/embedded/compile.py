"""A filter as tantivy's query: every attribute is asked as mapped field OR token in `rest`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import tantivy
from tantivy import FieldType, Occur, Query

from app.core.errors import Invalid, Unsupported
from app.logstore.embedded import regex
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.paths import is_plain, json_field, term_path
from app.logstore.embedded.ranges import Bounds, number_pieces, number_range_text
from app.logstore.embedded.schema import (
    EXACT,
    HAS_TAG,
    KEYWORD_PATH,
    KEYWORDS_WITHOUT_COLUMN,
    MAX_VALUE_CHARACTERS,
    NUL,
    SCHEMA,
    STRING_MARK,
    escape_path,
    hash_token,
    number_token,
    string_token,
)
from app.logstore.embedded.strings import FindOne, StringTerms, rest_prefix
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
from app.query.patterns import Pattern

_COLUMN_OF_TIME = {"@timestamp": "ts", "observed_at": "observed"}
_I64_LEAST, _I64_GREATEST = -(2**63), 2**63 - 1


class Compiler:
    """Compiles filters for one partition as it is seen by one searcher."""

    def __init__(self, index: tantivy.Index, searcher: tantivy.Searcher, find_one: FindOne) -> None:
        self._index = index
        self.strings = StringTerms(index, searcher, find_one)

    def compile(self, filter_: Filter) -> Query:
        """The query that matches the same records (of all organisations)."""
        match filter_:
            case Everything():
                return Query.all_query()
            case Not(child):
                return negation([self.compile(child)])
            case And(children):
                return self._conjunction(children)
            case Or(children):
                return any_of([self.compile(child) for child in children])
            case Tokens() | TokenMatches():
                return _message(filter_)
            case Exists(field):
                return _exists(field)
            case TimeWithin(field, from_ns, to_ns):
                return integers_within(_COLUMN_OF_TIME[field.name], from_ns, to_ns)
            case Equals() | NumberRange() | StringRange() | Matches():
                return self._values(filter_)

    def parse(self, text: str) -> Query:
        """A query in tantivy's own syntax; only for text made by us."""
        return self._index.parse_query(text)

    def _conjunction(self, children: Sequence[Filter]) -> Query:
        wanted = [self.compile(child) for child in children if not isinstance(child, Not)]
        unwanted = [self.compile(child.child) for child in children if isinstance(child, Not)]
        return negation(unwanted, among=wanted)

    def _values(self, filter_: Equals | NumberRange | StringRange | Matches) -> Query:
        match filter_:
            case Equals(field, values):
                return _equals(field, values)
            case NumberRange(field):
                return self._number_range(filter_) if _has_numbers(field) else nothing()
            case StringRange(field):
                return self._string_range(filter_) if _has_strings(field) else nothing()
            case Matches(field, pattern):
                return self._matches(field, pattern) if _has_strings(field) else nothing()

    def _number_range(self, asked: NumberRange) -> Query:
        bounds = Bounds(
            _as_double(asked.lower),
            _as_double(asked.upper),
            asked.includes_lower,
            asked.includes_upper,
        )
        if not asked.field.is_attribute:
            return integers_between(_column_of(asked.field), bounds)
        path = asked.field.name
        parts = [_number_tokens(path, bounds)]
        if is_plain(path):
            parts += [
                self._index.parse_query(number_range_text(json_field(path), piece))
                for piece in number_pieces(bounds)
            ]
        return any_of(parts)

    def _string_range(self, asked: StringRange) -> Query:
        """Nothing is below the empty string, which cannot be written as a bound."""
        field = asked.field
        if asked.lower == "":
            unwanted = [] if asked.includes_lower else [_equals(field, ("",))]
            if not field.is_attribute:
                above = replace(asked, lower=None, includes_lower=True)
                return negation(unwanted, among=[self._string_range(above)])
        if asked.lower is None and asked.upper is None:
            return _exists(field)
        return any_of(self.strings.within(asked))

    def _matches(self, field: Field, pattern: Pattern) -> Query:
        if field.name == "id" and not field.is_attribute:
            return _pattern_query("id", "", regex.printed_on_ids(pattern))
        text = regex.printed(pattern)
        if text is None:
            return nothing()
        long_values = self.strings.long_values_matching(field, text)
        if not field.is_attribute:
            return any_of([regex_query(field.name, text), *long_values])
        path = field.name
        parts = [_pattern_query("rest", f"{rest_prefix(field)}s", text), *long_values]
        if is_plain(path):
            parts.append(
                _pattern_query("attributes", f"{term_path(path)}{NUL}s{STRING_MARK}", text)
            )
        return any_of(parts)


def nothing() -> Query:
    """Matches no record."""
    return Query.empty_query()


def term(field: str, value: Scalar) -> Query:
    """Records that have this term, without positions."""
    return Query.term_query(SCHEMA, field, value, index_option="basic")


def any_of(queries: Sequence[Query]) -> Query:
    """Records that match at least one of the queries."""
    if not queries:
        return nothing()
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def all_of(queries: Sequence[Query]) -> Query:
    """Records that match all of the queries; at least one is given."""
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def negation(unwanted: Sequence[Query], among: Sequence[Query] = ()) -> Query:
    """Records that match all of `among` and none of `unwanted`."""
    wanted = among or [Query.all_query()]
    if not unwanted:
        return all_of(wanted)
    return Query.boolean_query(
        [(Occur.Must, query) for query in wanted] + [(Occur.MustNot, query) for query in unwanted]
    )


def regex_query(field: str, pattern: str) -> Query:
    """Records with a term that the pattern matches as a whole."""
    try:
        return Query.regex_query(SCHEMA, field, pattern)
    except ValueError as error:
        raise Invalid("the pattern is too complex", code="regex_too_complex") from error


def _pattern_query(field: str, prefix: str, pattern: str | None) -> Query:
    return nothing() if pattern is None else regex_query(field, regex.literal(prefix) + pattern)


def integers_within(column: str, from_value: int | None, to_value: int | None) -> Query:
    """Records whose column lies in [`from_value`, `to_value`)."""
    last = None if to_value is None else to_value - 1
    return integers_inclusive(column, from_value, last)


def integers_inclusive(column: str, first: int | None, last: int | None) -> Query:
    """Records whose column lies in [`first`, `last`]."""
    low = _I64_LEAST if first is None else max(first, _I64_LEAST)
    high = _I64_GREATEST if last is None else min(last, _I64_GREATEST)
    if low > high:
        return nothing()
    return Query.range_query(SCHEMA, column, FieldType.Integer, low, high)


def integers_between(column: str, bounds: Bounds) -> Query:
    """Records whose column lies between two doubles."""
    first = last = None
    if bounds.lower is not None and bounds.lower != -math.inf:
        if bounds.lower == math.inf:
            return nothing()
        first = math.ceil(bounds.lower)
        first += not bounds.includes_lower and first == bounds.lower
    if bounds.upper is not None and bounds.upper != math.inf:
        if bounds.upper == -math.inf:
            return nothing()
        last = math.floor(bounds.upper)
        last -= not bounds.includes_upper and last == bounds.upper
    return integers_inclusive(column, first, last)


def _as_double(bound: float | None) -> float | None:
    return None if bound is None else float(bound) + 0.0


def _column_of(field: Field) -> str:
    return _COLUMN_OF_TIME.get(field.name, field.name)


def _has_numbers(field: Field) -> bool:
    return field.kind in {Kind.NUMBER, Kind.TIME, Kind.ATTRIBUTE}


def _has_strings(field: Field) -> bool:
    if field.kind is Kind.TEXT:
        raise Unsupported("the whole text of 'message' cannot be compared, only its tokens")
    return field.kind in {Kind.KEYWORD, Kind.LEVEL, Kind.ATTRIBUTE}


def _message(filter_: Tokens | TokenMatches) -> Query:
    match filter_:
        case Tokens((token,)):
            return term("message", token)
        case Tokens(tokens):
            return Query.phrase_query(SCHEMA, "message", list(tokens))
        case TokenMatches(pattern):
            return _pattern_query("message", "", regex.printed(pattern))


def _exists(field: Field) -> Query:
    if field.is_attribute:
        return _attribute_exists(field.name)
    if field.name in KEYWORDS_WITHOUT_COLUMN:
        return term("tags", HAS_TAG + field.name)
    match field.kind:
        case Kind.TEXT | Kind.TIME:
            return Query.all_query()
        case Kind.NUMBER | Kind.KEYWORD | Kind.LEVEL:
            in_rest = regex.literal(KEYWORD_PATH + field.name + NUL) + regex.ANY_RUN
            return any_of([Query.exists_query(field.name), regex_query("rest", in_rest)])
        case Kind.ATTRIBUTE:
            return _attribute_exists(field.name)


def _attribute_exists(path: str) -> Query:
    in_rest = f"{regex.literal(escape_path(path))}(?:{regex.literal(NUL)}|{regex.literal('.')})"
    parts = [regex_query("rest", in_rest + regex.ANY_RUN)]
    if is_plain(path):
        parts.append(Query.exists_query(json_field(path), json_subpaths=True))
    return any_of(parts)


def _equals(field: Field, values: Iterable[Scalar]) -> Query:
    if field.is_attribute:
        return any_of([query for value in values for query in _attribute_equals(field.name, value)])
    if _has_numbers(field):
        column = _column_of(field)
        numbers = [value for value in values if type(value) in (int, float)]
        return any_of([_integer_equals(column, number) for number in numbers])
    texts = [value for value in values if isinstance(value, str)] if _has_strings(field) else []
    return any_of([_keyword_equals(field.name, text) for text in texts])


def _integer_equals(column: str, number: Scalar) -> Query:
    if isinstance(number, float):
        return integers_between(column, Bounds(number, number))
    return integers_inclusive(column, int(number), int(number))


def _keyword_equals(name: str, text: str) -> Query:
    if name == "id":
        return term("id", id_term(text))
    if len(text) > MAX_VALUE_CHARACTERS:
        return term("rest", KEYWORD_PATH + name + NUL + hash_token(text))
    return term(name, text)


def _attribute_equals(path: str, value: Scalar) -> list[Query]:
    rest = escape_path(path) + NUL
    mapped: Scalar
    match value:
        case bool():
            token, mapped = f"b{int(value)}", value
        case str():
            token, mapped = string_token(value), STRING_MARK + value
        case int() if not -EXACT <= value <= EXACT:
            return [term("rest", f"{rest}i{value}")]
        case int() | float():
            number = float(value) + 0.0
            token, mapped = f"n{number_token(number)}", number
    is_mapped = is_plain(path) and not token.startswith("h") and not _is_infinite(mapped)
    queries = [term("rest", rest + token)]
    if is_mapped:
        queries.append(term(json_field(path), mapped))
    return queries


def _is_infinite(value: Scalar) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _number_tokens(path: str, bounds: Bounds) -> Query:
    """Records with a token in `rest` for a number between the bounds."""
    low = bounds.lower if bounds.lower is not None else -math.inf
    high = bounds.upper if bounds.upper is not None else math.inf
    first = int(number_token(low), 16) + (bounds.lower is not None and not bounds.includes_lower)
    last = int(number_token(high), 16) - (bounds.upper is not None and not bounds.includes_upper)
    if first > last:
        return nothing()
    return _pattern_query("rest", f"{escape_path(path)}{NUL}n", regex.hex_between(first, last))
