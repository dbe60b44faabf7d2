"""The syntax tree of a query for editors: what stands where."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from app.query.spans import Span
from app.query.tree import Query


def tree_json(query: Query) -> dict[str, Any]:
    """The filter's nodes, each with its kind and its place in the text, in code points."""
    return _node(query.filter)


def _node(node: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": type(node).__name__.lower()}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Span):
            shown |= {"position": value.start, "length": value.end - value.start}
        else:
            shown[field.name] = _value(value)
    return shown


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    return _node(value) if is_dataclass(value) else value
