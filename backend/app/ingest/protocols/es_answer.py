"""The answer to a `_bulk` request, in the bytes that shippers look for.

Fluent Bit searches the text `"errors":false,"items":[` and Vector `"errors":true`: the JSON is
compact and its keys come in this order, whatever `filter_path` leaves of it.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from app.ingest.protocols.es_bulk import Bulk, Failure, Item, id_of
from app.ingest.protocols.es_errors import invalid_argument

_MAX_FILTER_LENGTH = 2_000
_MAX_DEPTH = 10
_OPERATIONS = ("index", "create", "update", "delete")
# Fluent Bit reads 512 KB of an answer and no more.
_SHORT = "took,errors,items.*.status,items.*.error"

Keeps = Callable[..., bool]


class _Shape(NamedTuple):
    """How the item of a record that was taken is written: templates for index and id."""

    has_index: bool
    has_id: bool
    created: bytes
    quarantined: bytes


class Outline(NamedTuple):
    """What an answer holds: the result of `filter_path`."""

    is_filtered: bool
    keeps: Keeps
    shapes: dict[str, _Shape]


def outline(filter_path: str, *, is_short: bool) -> Outline:
    """What `filter_path` leaves; without one all, or the least where answers have to be short."""
    return _outline(filter_path or (_SHORT if is_short else ""))


@lru_cache(maxsize=256)
def _outline(filter_path: str) -> Outline:
    patterns = [path.strip() for path in filter_path.split(",") if path.strip()]
    if len(filter_path) > _MAX_FILTER_LENGTH or any(
        pattern.count(".") >= _MAX_DEPTH for pattern in patterns
    ):
        raise invalid_argument("the parameter [filter_path] is too long")
    wanted = [pattern.split(".") for pattern in patterns if not pattern.startswith("-")]
    unwanted = [pattern[1:].split(".") for pattern in patterns if pattern.startswith("-")]

    def keeps(*path: str) -> bool:
        if any(_covers(pattern, path) for pattern in unwanted):
            return False
        return not wanted or any(_covers(pattern, path) for pattern in wanted)

    return Outline(
        bool(patterns), keeps, {operation: _shape(operation, keeps) for operation in _OPERATIONS}
    )


def _covers(pattern: list[str], path: tuple[str, ...]) -> bool:
    """Whether a pattern means the path, or something that the path is in."""
    if not pattern:
        return True
    if not path:
        return False
    if pattern[0] == "**":
        return _covers(pattern[1:], path) or _covers(pattern, path[1:])
    return fnmatchcase(path[0], pattern[0]) and _covers(pattern[1:], path[1:])


def _filtered(value: dict[str, Any], keeps: Keeps, path: tuple[str, ...]) -> dict[str, Any]:
    """What is left of an object: leaves that are kept, and objects that are not empty then."""
    left: dict[str, Any] = {}
    for name, member in value.items():
        if isinstance(member, dict):
            if inner := _filtered(member, keeps, (*path, name)):
                left[name] = inner
        elif keeps(*path, name):
            left[name] = member
    return left


def _shape(operation: str, keeps: Keeps) -> _Shape:
    created = {
        "_index": "%b",
        "_id": "%b",
        "_version": 1,
        "result": "created",
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": 0,
        "_primary_term": 1,
        "status": 201,
    }
    left = _filtered(created, keeps, ("items", operation))
    # As Elasticsearch says that a record went to the failure store: taken, but not as it came.
    aside = _filtered({**created, "failure_store": "used"}, keeps, ("items", operation))
    return _Shape(
        has_index="_index" in left,
        has_id="_id" in left,
        created=_template(operation, left),
        quarantined=_template(operation, aside),
    )


def _template(operation: str, members: dict[str, Any]) -> bytes:
    return orjson.dumps({operation: members}).replace(b'"%b"', b"%b") if members else b""


def render(bulk: Bulk, first_id: int, took_ms: int, form: Outline) -> bytes:
    """The body of the answer."""
    bad = bulk.records.bad
    indices: dict[str, bytes] = {}
    written: list[bytes] = []
    has_failed = False
    for item in bulk.items:
        if isinstance(item.outcome, Failure):
            has_failed = True
            written.append(_failed(item, item.outcome, form.keeps))
            continue
        shape = form.shapes[item.operation]
        template = shape.quarantined if item.outcome in bad else shape.created
        values: list[bytes] = []
        if shape.has_index:
            index = indices.get(item.index_name)
            if index is None:
                index = indices[item.index_name] = orjson.dumps(item.index_name)
            values.append(index)
        if shape.has_id:
            values.append(orjson.dumps(id_of(item, first_id)))
        written.append(template % tuple(values))
    errors = b"true" if has_failed else b"false"
    return _envelope([one for one in written if one], took_ms, errors, form)


def _failed(item: Item, failure: Failure, keeps: Keeps) -> bytes:
    members = {
        "_index": item.index_name,
        "_id": item.id,
        "status": failure.status,
        "error": {"type": failure.type, "reason": failure.reason},
    }
    left = _filtered(members, keeps, ("items", item.operation))
    return orjson.dumps({item.operation: left}) if left else b""


def _envelope(items: list[bytes], took_ms: int, errors: bytes, form: Outline) -> bytes:
    members: list[bytes] = []
    if form.keeps("took"):
        members.append(b'"took":%d' % took_ms)
    if form.keeps("errors"):
        members.append(b'"errors":%b' % errors)
    if items or not form.is_filtered:
        members.append(b'"items":[%b]' % b",".join(items))
    return b"{%b}" % b",".join(members)
