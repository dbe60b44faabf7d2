"""Attributes of many records as columns of leaves, where the records are alike.

What a store does with each leaf it then does with a column of them, at the speed of C. Alike are
records that have the same keys, with values of the same kinds; what is not alike enough, or has
something that a column does not tell, is left to `schema.leaves_of`, whose answers these are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from app.logstore.schema import MAX_DEPTH, MAX_LEAVES

# Fewer records are as fast one by one.
FEWEST = 8

Object = dict[str, Any]


class Column(NamedTuple):
    """The leaves of one path, all of one kind: `str`, `int`, `float` or `bool`."""

    path: str
    kind: type
    values: Sequence[Any]


class Alike(NamedTuple):
    """The places of records that are alike, and their leaves in the order in which they were sent."""

    places: Sequence[int]
    columns: list[Column]


def alike(attributes: Sequence[Object]) -> Iterator[Alike]:
    """Groups of records; those in none have to be looked at one by one."""
    if len(attributes) < FEWEST:
        return
    for places in _same(list(map(tuple, attributes))):
        rows = [attributes[place] for place in places]
        columns = _columns(rows)
        if columns is not None:
            yield Alike(places, columns)
            continue
        for chosen in _same([_shape(row) for row in rows]):
            columns = _columns([rows[index] for index in chosen])
            if columns is not None:
                yield Alike([places[index] for index in chosen], columns)


def _same(keys: Sequence[Hashable]) -> Iterable[Sequence[int]]:
    """The places of equal keys, where there are enough of them."""
    if keys.count(keys[0]) == len(keys):
        return [range(len(keys))]
    groups: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return [places for places in groups.values() if len(places) >= FEWEST]


def _shape(value: Any) -> Hashable:
    """The same for values that are alike."""
    if type(value) is dict:
        return tuple(value), tuple(map(_shape, value.values()))
    return type(value).__name__


def _columns(rows: Sequence[Object]) -> list[Column] | None:
    """The leaves of objects with the same keys; `None` where they are not alike."""
    columns: list[Column] = []
    is_told = _gather("", rows, 1, columns)
    paths = {column.path for column in columns}
    return columns if is_told and len(paths) == len(columns) <= MAX_LEAVES else None


def _gather(prefix: str, rows: Sequence[Object], depth: int, columns: list[Column]) -> bool:
    """Adds the leaves of the objects; whether they could be told."""
    if depth > MAX_DEPTH:
        return False
    for key, values in zip(rows[0], zip(*map(dict.values, rows), strict=True), strict=True):
        kinds = set(map(type, values))
        if len(kinds) > 1:
            return False
        kind = kinds.pop()
        if kind in _LEAVES:
            columns.append(Column(f"{prefix}{key}", kind, values))
        elif kind is dict:
            if len(set(map(tuple, values))) > 1:
                return False
            if not _gather(f"{prefix}{key}.", values, depth + 1, columns):
                return False
        elif kind is not type(None):
            return False
    return True


_LEAVES = frozenset({str, int, float, bool})
