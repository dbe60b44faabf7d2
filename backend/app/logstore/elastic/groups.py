"""Nested groups: what is asked of Elasticsearch, and the answer as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import Unsupported
from app.logstore.elastic.columns import Key, columns_of, key_of, rank
from app.logstore.types import Group, GroupByField, GroupByTime

_NS_PER_MS = 1_000_000

Answer = dict[str, Any]
Path = tuple[Key, ...]


class Cut(Exception):
    """A list of groups ends too early to know which are the most frequent ones."""


@dataclass(slots=True)
class Node:
    """A group: how many records, what was measured, and the groups inside."""

    count: int
    answers: Answer
    children: dict[Key, Node] = field(default_factory=dict)


def request(groups: Sequence[Group], measures: Answer, size: int) -> Answer:
    """The aggregations of the groups, at most `size` each, with the measures in the innermost."""
    if not groups:
        return measures
    inner = request(groups[1:], measures, size)
    match groups[0]:
        case GroupByTime(interval_ns):
            if interval_ns % _NS_PER_MS:
                raise Unsupported("intervals are whole milliseconds")
            asked = {
                "field": "ms",
                "fixed_interval": f"{interval_ns // _NS_PER_MS}ms",
                "min_doc_count": 1,
            }
            return {"t": _with({"date_histogram": asked}, inner)}
        case GroupByField(by, wanted):
            size = max(size, 2 * wanted)
            return {
                f"g{letter}": _with({"terms": {"field": column, "size": size}}, inner)
                for letter, column in columns_of(by).items()
            }


def _with(asked: Answer, inner: Answer) -> Answer:
    return {**asked, "aggs": inner} if inner else asked


def tree(groups: Sequence[Group], answer: Answer, count: int) -> Node:
    """The answer to `request`; raises `Cut` when a list has to be longer."""
    node = Node(count, answer)
    if not groups:
        return node
    match groups[0]:
        case GroupByTime():
            for bucket in answer["t"]["buckets"]:
                key: Key = ("number", int(bucket["key"]) * _NS_PER_MS)
                node.children[key] = tree(groups[1:], bucket, bucket["doc_count"])
        case GroupByField(by, wanted):
            counts = {}
            for letter in columns_of(by):
                for bucket in answer[f"g{letter}"]["buckets"]:
                    counts[key_of(letter, bucket)] = bucket
            ranked = sorted(counts, key=lambda key: rank(key, counts[key]["doc_count"]))[:wanted]
            _check(answer, list(columns_of(by)), [counts[key]["doc_count"] for key in ranked])
            for key in ranked:
                bucket = counts[key]
                node.children[key] = tree(groups[1:], bucket, bucket["doc_count"])
    return node


def _check(answer: Answer, letters: Sequence[str], top: Sequence[int]) -> None:
    """Raises `Cut` unless the most frequent values are certain and their counts exact."""
    for letter in letters:
        listed = answer[f"g{letter}"]
        if not listed["sum_other_doc_count"]:
            continue
        if listed["doc_count_error_upper_bound"]:
            raise Cut
        least_listed = listed["buckets"][-1]["doc_count"]
        # Of equally frequent strings Elasticsearch lists those first that we do, too.
        is_ordered = letter == "s" and len(letters) == 1
        if top[-1] < least_listed or (top[-1] == least_listed and not is_ordered):
            raise Cut


@dataclass(frozen=True, slots=True)
class Line:
    """A row to be: the groups that it is of."""

    path: Path
    node: Node


def lines(node: Node, groups: Sequence[Group], path: Path = ()) -> Iterator[Line]:
    """The rows in order: intervals by time, values by count, then by text."""
    if not groups:
        yield Line(path, node)
        return
    children = node.children
    if isinstance(groups[0], GroupByTime):
        keys = sorted(children, key=lambda key: key[1])
    else:
        keys = sorted(children, key=lambda key: rank(key, children[key].count))
    for key in keys:
        yield from lines(children[key], groups[1:], (*path, key))


def node_at(root: Node, path: Path) -> Node | None:
    """The group of a path, if there is one."""
    node: Node | None = root
    for key in path:
        node = node.children.get(key) if node else None
    return node
