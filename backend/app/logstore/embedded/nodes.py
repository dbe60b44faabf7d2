"""What one partition answers to nested groups, and how the answers of several become one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.errors import Unsupported
from app.logstore.embedded.columns import Key, column_of, has_column, key_of
from app.logstore.types import Group, GroupByField, GroupByTime

NS_PER_MS = 1_000_000
# tantivy refuses to return more buckets than this in one answer.
BUCKET_LIMIT = 65_000
# So many values are always looked at inside a segment: counts are exact whatever is returned.
EVERY_VALUE = 2**31

Answer = dict[str, Any]


class Node:
    """The records of one group: how many, what was measured, and the groups inside it."""

    __slots__ = ("answers", "children", "count")

    def __init__(self) -> None:
        self.count = 0
        self.answers: list[Answer] = []
        self.children: dict[Key, Node] = {}

    def child(self, key: Key) -> Node:
        """The group inside this one with that value."""
        found = self.children.get(key)
        if found is None:
            found = self.children[key] = Node()
        return found


class Cut(Exception):
    """A list of values ended before it was certain which are the most frequent."""


def request(
    groups: tuple[Group, ...], measures: Answer, size: int, only: list[str] | None
) -> Answer:
    """tantivy's request for nested groups; `only` restricts the outermost to these terms."""
    if not groups:
        return measures
    inner = request(groups[1:], measures, size, None)
    match groups[0]:
        case GroupByTime(interval_ns):
            body: Answer = {
                "histogram": {
                    "field": "ms",
                    "interval": float(_milliseconds(interval_ns)),
                    "min_doc_count": 1,
                }
            }
        case GroupByField(field, wanted):
            terms: Answer = {
                "field": column_of(field),
                "size": max(size, wanted),
                "segment_size": EVERY_VALUE,
            }
            if only is not None:
                terms["include"] = only
            body = {"terms": terms}
    if inner:
        body["aggs"] = inner
    return {"group": body}


def can_answer(groups: tuple[Group, ...]) -> bool:
    """Whether every group has a column; where one has none there are no groups."""
    return all(isinstance(group, GroupByTime) or has_column(group.field) for group in groups)


def add(node: Node, groups: tuple[Group, ...], answer: Answer, *, is_alone: bool) -> None:
    """Adds a partition's answer to what others answered.

    `is_alone`: no other partition answers, so a list may be cut where it is certain. `Cut` says
    that the answer was too short, and leaves the node half filled.
    """
    if not groups:
        node.answers.append(answer)
        return
    group = groups[0]
    listed = answer.get("group", {"buckets": []})
    if isinstance(group, GroupByField):
        _check_cut(listed, group.size, is_alone=is_alone)
    for bucket in listed["buckets"]:
        child = node.child(_key(group, bucket))
        child.count += bucket["doc_count"]
        add(child, groups[1:], bucket, is_alone=is_alone)


def _key(group: Group, bucket: Answer) -> Key:
    if isinstance(group, GroupByField):
        return key_of(group.field, bucket)
    return "time", int(bucket["key"]) * NS_PER_MS


def _check_cut(listed: Answer, wanted: int, *, is_alone: bool) -> None:
    if not listed.get("sum_other_doc_count"):
        return
    buckets = listed["buckets"]
    is_certain = (
        len(buckets) > wanted and buckets[-1]["doc_count"] < buckets[wanted - 1]["doc_count"]
    )
    if not (is_alone and is_certain):
        raise Cut


def _milliseconds(interval_ns: int) -> int:
    if interval_ns <= 0 or interval_ns % NS_PER_MS:
        raise Unsupported("intervals have to be whole milliseconds")
    return interval_ns // NS_PER_MS


def leaves(node: Node, depth: int) -> Iterator[Node]:
    """The innermost groups."""
    if not depth:
        yield node
        return
    for child in node.children.values():
        yield from leaves(child, depth - 1)
