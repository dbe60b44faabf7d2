"""Tree to filter: names become fields, words typed values, dates instants, patterns one tree.

The rules are architecture.md's "What it means, exactly". The filter is simplified where that costs
nothing: `And` and `Or` have no child of their own kind, no `Everything` that changes nothing, and a
set of values of one field is one `Equals`.
"""

from __future__ import annotations

from app.query import ranges, tree, values
from app.query.errors import Mistake, QuerySyntaxError
from app.query.fields import MESSAGE, TIMESTAMP, Field, Kind, field_named
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
from app.query.instants import parse_instant
from app.query.message import text_filter
from app.query.parser import parse, parse_once
from app.query.printer import show
from app.query.tree import Query

__all__ = ["names_field", "narrowed_range", "parse_instant", "resolve"]

_MAX_REPAIRS = 8


def resolve(query: Query, *, now_ns: int) -> Filter:
    """What a store has to answer; raises `QuerySyntaxError` with place, expected and suggestion.

    `now_ns` is the one moment that `now` means. A tree that was not parsed is printed and parsed
    first, so that its mistakes have places too.
    """
    if not query.text:
        query = parse(show(query))
    try:
        return _meaning(query, now_ns)
    except Mistake as mistake:
        error = _pointing(mistake, query.text)
        error.suggest(_repaired(error.draft, now_ns))
        raise error from None


def narrowed_range(filter_: Filter) -> tuple[int | None, int | None]:
    """The bounds that the filter sets for every record: `@timestamp` in [from_ns, to_ns).

    Only what stands at the top, alone or joined by AND, narrows.
    """
    from_ns: int | None = None
    to_ns: int | None = None
    for child in filter_.children if isinstance(filter_, And) else (filter_,):
        if isinstance(child, TimeWithin) and child.field == TIMESTAMP:
            if child.from_ns is not None:
                from_ns = child.from_ns if from_ns is None else max(from_ns, child.from_ns)
            if child.to_ns is not None:
                to_ns = child.to_ns if to_ns is None else min(to_ns, child.to_ns)
    return from_ns, to_ns


def names_field(filter_: Filter, field: Field) -> bool:
    """Whether any part of the filter asks this field; `f:*` of a field that all have does not."""
    match filter_:
        case Everything():
            return False
        case Tokens() | TokenMatches():
            return field == MESSAGE
        case And(children) | Or(children):
            return any(names_field(child, field) for child in children)
        case Not(child):
            return names_field(child, field)
        case (
            Equals(own)
            | Exists(own)
            | NumberRange(own)
            | StringRange(own)
            | TimeWithin(own)
            | Matches(own)
        ):
            return own == field


def _pointing(mistake: Mistake, text: str) -> QuerySyntaxError:
    start, end = mistake.span
    draft = None
    if mistake.replacement is not None:
        draft = (text[:start] + mistake.replacement + text[end:]).strip()
    return QuerySyntaxError(
        mistake.detail,
        text=text,
        span=mistake.span,
        reason=mistake.reason,
        expected=mistake.expected,
        draft=draft,
    )


def _repaired(draft: str | None, now_ns: int) -> str | None:
    """The draft, corrected until it parses and has a meaning; `None` when it does not."""
    for _ in range(_MAX_REPAIRS):
        if draft is None:
            return None
        try:
            _meaning(parse_once(draft), now_ns)
        except QuerySyntaxError as error:
            draft = error.draft
        except Mistake as mistake:
            draft = _pointing(mistake, draft).draft
        else:
            return draft or "*"
    return None


def _meaning(query: Query, now_ns: int) -> Filter:
    return _node(query.filter, values.Request(now_ns, values.Budget()))


def _node(node: tree.Node, request: values.Request) -> Filter:
    match node:
        case tree.All():
            return Everything()
        case tree.And(children):
            return _all_of([_node(child, request) for child in children])
        case tree.Or(children):
            return _any_of([_node(child, request) for child in children])
        case tree.Not(child):
            return Not(_node(child, request))
        case tree.Match(name, value):
            return (
                text_filter(value, request.budget)
                if name is None
                else _equal(_asked(name, request), value)
            )
        case tree.Compare(name):
            return _compared(_asked(name, request), node)
        case tree.Range(name):
            return ranges.within(_asked(name, request), node)


def _asked(name: tree.Name, request: values.Request) -> values.Asked:
    return values.Asked(field_named(name.text), name.text, request)


def _equal(asked: values.Asked, value: tree.Value) -> Filter:
    if asked.field.kind is Kind.TEXT:
        return text_filter(value, asked.request.budget)
    match value:
        case tree.Anything():
            return values.exists(asked.field, value.span)
        case tree.Wildcard() | tree.Regex():
            return values.matching(asked, value)
        case tree.Word() | tree.Quoted():
            return values.equal(asked, value)


def _compared(asked: values.Asked, node: tree.Compare) -> Filter:
    value = node.value
    if node.operator is tree.Operator.NOT_EQUAL:
        return _all_of([values.exists(asked.field, node.span), Not(_equal(asked, value))])
    if isinstance(value, tree.Word | tree.Quoted):
        return ranges.compared(asked, node, value)
    # The parser refuses patterns after these operators.
    raise Mistake("expected a value", node.span, reason="unexpected")


def _all_of(parts: list[Filter]) -> Filter:
    flat: list[Filter] = []
    for part in parts:
        if isinstance(part, And):
            flat.extend(part.children)
        elif not isinstance(part, Everything):
            flat.append(part)
    if not flat:
        return Everything()
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def _any_of(parts: list[Filter]) -> Filter:
    if any(isinstance(part, Everything) for part in parts):
        return Everything()
    flat: list[Filter] = []
    # Where the set of a field stands. Python's 1, 1.0 and True are one key, but three values.
    sets: dict[Field, tuple[int, dict[tuple[type, Scalar], Scalar]]] = {}
    for part in parts:
        for piece in part.children if isinstance(part, Or) else (part,):
            if isinstance(piece, Equals):
                if piece.field not in sets:
                    sets[piece.field] = len(flat), {}
                    flat.append(piece)
                sets[piece.field][1].update(((type(value), value), value) for value in piece.values)
            else:
                flat.append(piece)
    for field, (place, values_) in sets.items():
        flat[place] = Equals(field, tuple(values_.values()))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
