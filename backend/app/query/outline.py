"""Tree to outline: one line that shows how a query was read, for people, cases and explain.

`(and (is level error) (not (range status 500 599)))`. Names and values are spelled as in a query;
a bound with `<` or `>` before it is excluded.
"""

from __future__ import annotations

from app.query.printer import shown_name, shown_value
from app.query.tree import (
    All,
    And,
    Anything,
    Bound,
    Compare,
    Match,
    Node,
    Not,
    Or,
    Query,
    Quoted,
    Range,
    Regex,
    Value,
    Wildcard,
    Word,
)


def outline(query: Query) -> str:
    """The outline of a query."""
    return _node(query.filter)


def _node(node: Node) -> str:
    match node:
        case All():
            return "(all)"
        case Match(name, value):
            written = () if name is None else (shown_name(name),)
            if name is not None and isinstance(value, Anything):
                return _list("exists", *written)
            return _list(_verb(value, "text" if name is None else "is"), *written, _atom(value))
        case Compare(name, operator, value):
            return _list(operator.value, shown_name(name), _atom(value))
        case Range(name, lower, upper):
            return _list(
                "range",
                shown_name(name),
                _bound(lower, "" if node.includes_lower else ">"),
                _bound(upper, "" if node.includes_upper else "<"),
            )
        case Not(child):
            return _list("not", _node(child))
        case And(children):
            return _list("and", *map(_node, children))
        case Or(children):
            return _list("or", *map(_node, children))


def _verb(value: Value, plain: str) -> str:
    match value:
        case Wildcard():
            return "wildcard"
        case Regex():
            return "regex"
        case Word() | Quoted() | Anything():
            return plain


def _atom(value: Value) -> str:
    # The pattern of a wildcard is quoted so that it stands out.
    return f'"{value.glob}"' if isinstance(value, Wildcard) else shown_value(value)


def _bound(bound: Bound, excluded: str) -> str:
    return shown_value(bound) if isinstance(bound, Anything) else excluded + shown_value(bound)


def _list(*parts: str) -> str:
    return f"({' '.join(parts)})"
