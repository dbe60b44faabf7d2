"""The shape rules that all stores share: leaves of attributes, limits, tokens of overflow."""

from __future__ import annotations

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
    cut: list[str] = []
    for key, value in attributes.items():
        kind = type(value)
        # Written out for the usual kinds: this runs for every attribute of every record.
        if kind is str or kind is int or kind is float or kind is bool:
            leaves.append((key, value))
        elif value is not None and not _gather(key, value, 1, leaves):
            cut.append(key)
        if len(leaves) > MAX_LEAVES:
            del leaves[MAX_LEAVES:]
            _name_last(cut, key)
    return leaves, tuple(cut)


def _name_last(names: list[str], name: str) -> None:
    if not names or names[-1] != name:
        names.append(name)


def _gather(path: str, value: Any, depth: int, leaves: list[Leaf]) -> bool:
    """Adds the leaves of a list or an object; whether none of it lay too deep."""
    if depth >= MAX_DEPTH and value:
        leaves.append((path, json_text(value)))
        return False
    if type(value) is dict:
        named = [(f"{path}.{key}", child) for key, child in value.items()]
    else:
        named = [(path, child) for child in value]
    is_whole = True
    for child_path, child in named:
        kind = type(child)
        if kind is dict or kind is list:
            is_whole = _gather(child_path, child, depth + 1, leaves) and is_whole
        elif child is not None:
            leaves.append((child_path, child))
        if len(leaves) > MAX_LEAVES:
            break
    return is_whole


def json_text(value: Any) -> str:
    """Compact JSON. Numbers fit: intake keeps those that JSON libraries refuse as text."""
    return orjson.dumps(value).decode()


def retention_class(days: int, classes: tuple[int, ...]) -> int:
    """The smallest class that keeps records at least so many days, or the longest there is."""
    return next((known for known in classes if known >= days), classes[-1])
