"""The shape rules that all stores share: leaves of attributes, limits, tokens of overflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

MAX_LEAVES = 2_048
MAX_DEPTH = 32
EXACT_INTEGER_BOUND = 2**53

Leaf = tuple[str, str | int | float | bool]


def leaves_of(attributes: dict[str, Any]) -> tuple[list[Leaf], tuple[str, ...]]:
    """(leaves, not_indexed) of a record's attributes, in the order in which they were sent.

    A leaf is (dotted path, value); nested keys are joined by dots, each element of a list is a leaf
    of the list's own path, null, `[]` and `{}` give none. Beyond MAX_DEPTH levels the rest is one
    leaf with its JSON text; beyond MAX_LEAVES nothing more is a leaf. `not_indexed` then names the
    top-level keys that were cut.
    """
    leaves: list[Leaf] = []
    nested = False
    for key, value in attributes.items():
        kind = type(value)
        if kind is str or kind is int or kind is float or kind is bool:
            leaves.append((key, value))
        elif value is not None:
            nested = True
            break
    if not nested and len(leaves) <= MAX_LEAVES:
        return leaves, ()
    return _walk_all(attributes)


def _walk_all(attributes: dict[str, Any]) -> tuple[list[Leaf], tuple[str, ...]]:
    leaves: list[Leaf] = []
    cut: list[str] = []
    for key, value in attributes.items():
        for leaf, is_whole in _walk(key, value, 1):
            if len(leaves) == MAX_LEAVES or not is_whole:
                if not cut or cut[-1] != key:
                    cut.append(key)
                if len(leaves) == MAX_LEAVES:
                    break
            leaves.append(leaf)
    return leaves, tuple(cut)


def _walk(path: str, value: Any, depth: int) -> Iterator[tuple[Leaf, bool]]:
    if value is None:
        return
    if not isinstance(value, dict | list):
        yield (path, value), True
    elif depth >= MAX_DEPTH and value:
        yield (path, json_text(value)), False
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _walk(f"{path}.{key}", child, depth + 1)
    else:
        for child in value:
            yield from _walk(path, child, depth + 1)


def json_text(value: Any) -> str:
    """Compact JSON. Numbers fit: intake keeps those that JSON libraries refuse as text."""
    return orjson.dumps(value).decode()


def retention_class(days: int, classes: tuple[int, ...]) -> int:
    """The smallest class that keeps records at least so many days, or the longest there is."""
    return next((known for known in classes if known >= days), classes[-1])
