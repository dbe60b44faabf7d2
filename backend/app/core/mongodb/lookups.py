"""Comparisons that the backend writes so that no index can serve them."""

from __future__ import annotations

from typing import Any

from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.lookups import In

_TUPLE_IN: Any = TupleIn
_backend_as_mql = _TUPLE_IN.as_mql


def tuple_in_as_mql(lookup: Any, compiler: Any, connection: Any, *, as_expr: bool = False) -> Any:
    """`prefetch_related` asks for tuples of one column, as an expression: the backend reads the
    whole collection for it. One column is found like any other."""
    columns = lookup.lhs.get_cols()
    if as_expr or len(columns) != 1 or not isinstance(lookup.rhs, list | tuple):
        return _backend_as_mql(lookup, compiler, connection, as_expr=as_expr)
    plain: Any = In(columns[0], [value for (value,) in lookup.rhs])
    return plain.as_mql(compiler, connection)


def register_lookups() -> None:
    """Puts ours in place, as the backend does with its own."""
    _TUPLE_IN.as_mql = tuple_in_as_mql
