"""The body of an Elasticsearch `_bulk` request: bytes → records and items; items → answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from app.core.errors import TooLarge
from app.core.ids import uuid_text
from app.ingest.protocols.es_errors import ElasticRefused, invalid_argument
from app.ingest.protocols.json_text import are_objects, split_lines, why_unreadable
from app.ingest.protocols.records import BodyLimits, Records, too_large, too_many

ID_BYTES = 512
INDEX_BYTES = 255

# A text of so many characters is within both limits, however many bytes each has.
_SURELY_SHORT = 63

_TAKEN = frozenset({"index", "create"})
_OPERATIONS = frozenset({"index", "create", "update", "delete"})
_TOKENS: Mapping[type, str] = {
    dict: "START_OBJECT",
    list: "START_ARRAY",
    str: "VALUE_STRING",
    int: "VALUE_NUMBER",
    float: "VALUE_NUMBER",
    bool: "VALUE_BOOLEAN",
    type(None): "VALUE_NULL",
}
# What a client may say about an item and we need not know: there is one pipeline and no routing.
_IGNORED = frozenset(
    {
        "routing",
        "version",
        "version_type",
        "retry_on_conflict",
        "pipeline",
        "_source",
        "require_alias",
        "require_data_stream",
        "dynamic_templates",
        "list_executed_pipelines",
    }
)
# Elasticsearch 6 and 7, and shippers of that age.
_OF_OLD = frozenset(
    {
        "_type",
        "_routing",
        "parent",
        "_parent",
        "_version",
        "_version_type",
        "_retry_on_conflict",
        "timestamp",
        "_timestamp",
        "ttl",
        "_ttl",
    }
)
_CONDITIONS = frozenset({"if_seq_no", "if_primary_term"})
_KNOWN = _IGNORED | _OF_OLD | _CONDITIONS | {"_index", "_id", "op_type"}


class Failure(NamedTuple):
    """Why one item was not taken."""

    status: int
    type: str
    reason: str


class Item(NamedTuple):
    """One action of the request: where its record is among the kept lines, or why it failed."""

    operation: str
    index_name: str
    id: str | None
    outcome: int | Failure


@dataclass(frozen=True, slots=True)
class Bulk:
    """A decoded request: what to keep, and every item in its order."""

    records: Records
    items: list[Item]


class _Action(NamedTuple):
    operation: str
    index_name: str
    id: str | None
    failure: Failure | None


def read(body: bytes, default_index: str, limits: BodyLimits) -> Bulk:
    """The items of a body. `ElasticRefused` when it cannot be told where an item begins."""
    lines = _split(body, limits)
    actions, sources = _pair(lines, default_index)
    if not actions:
        raise ElasticRefused(
            "action_request_validation_exception", "Validation Failed: 1: no requests added;"
        )
    return _take(actions, sources, limits)


def _split(body: bytes, limits: BodyLimits) -> list[bytes]:
    if not body:
        raise ElasticRefused("parse_exception", "request body is required")
    if not body.endswith(b"\n"):
        raise invalid_argument("The bulk request must be terminated by a newline [\\n]")
    # A body with fewer bytes than it may have lines needs no counting.
    if len(body) > 2 * limits.records and body.count(b"\n") > 2 * limits.records:
        raise TooLarge(too_many(limits), code="too_many_records")
    return split_lines(body)


def _pair(lines: list[bytes], default_index: str) -> tuple[list[_Action], list[bytes | None]]:
    """Actions, and beside each its source line; `None` where the action has none."""
    actions: list[_Action] = []
    sources: list[bytes | None] = []
    last_line, last_action = b"", _Action("", "", None, None)
    at, end = 0, len(lines)
    while at < end:
        line = lines[at]
        at += 1
        if line != last_line:
            if not line or line.isspace():
                continue
            last_line, last_action = line, _read_action(line, at, default_index)
        elif not line:
            continue
        actions.append(last_action)
        if last_action.operation == "delete":
            sources.append(None)
        elif at < end:
            sources.append(lines[at])
            at += 1
        else:
            raise invalid_argument(f"Action/metadata line [{at}] has no source line after it")
    return actions, sources


def _read_action(line: bytes, number: int, default_index: str) -> _Action:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ElasticRefused(
            "x_content_parse_exception",
            f"Malformed action/metadata line [{number}]: {error.msg}",
        ) from error
    usual = _usual_action(value, default_index)
    if usual is not None:
        return usual
    operation, parameters = _only_key(value, number)
    for name in parameters.keys() - _KNOWN:
        raise invalid_argument(
            f"Action/metadata line [{number}] contains an unknown parameter [{name}]"
        )
    if operation == "index" and parameters.get("op_type") == "create":
        operation = "create"
    index = _text_of(parameters, "_index", number) or default_index
    if not index:
        raise ElasticRefused(
            "action_request_validation_exception", "Validation Failed: 1: index is missing;"
        )
    sent_id = _text_of(parameters, "_id", number)
    return _Action(operation, index, sent_id, _why_refused(operation, index, sent_id, parameters))


def _usual_action(value: Any, default_index: str) -> _Action | None:
    """The action that nearly every line holds, at a third of the cost; `None` for all others."""
    if type(value) is not dict or len(value) != 1:
        return None
    ((operation, parameters),) = value.items()
    if operation not in _TAKEN or type(parameters) is not dict:
        return None
    index_name = parameters.get("_index", default_index)
    sent_id = parameters.get("_id")
    if len(parameters) != ("_index" in parameters) + ("_id" in parameters):
        return None
    if type(index_name) is not str or not 0 < len(index_name) <= _SURELY_SHORT:
        return None
    if sent_id is not None and (type(sent_id) is not str or not 0 < len(sent_id) <= _SURELY_SHORT):
        return None
    return _Action(operation, index_name, sent_id, None)


def _only_key(value: Any, number: int) -> tuple[str, dict[str, Any]]:
    malformed = f"Malformed action/metadata line [{number}], expected"
    if not isinstance(value, dict):
        raise invalid_argument(f"{malformed} START_OBJECT but found [{_TOKENS[type(value)]}]")
    if not value:
        raise invalid_argument(f"{malformed} FIELD_NAME but found [END_OBJECT]")
    operation, parameters = next(iter(value.items()))
    if operation not in _OPERATIONS:
        raise invalid_argument(
            f"{malformed} field [create], [delete], [index] or [update] but found [{operation}]"
        )
    if not isinstance(parameters, dict):
        raise invalid_argument(f"{malformed} START_OBJECT but found [{_TOKENS[type(parameters)]}]")
    if len(value) > 1:
        raise invalid_argument(f"{malformed} END_OBJECT but found [FIELD_NAME]")
    return operation, parameters


def _text_of(parameters: dict[str, Any], name: str, number: int) -> str | None:
    """A text or a whole number taken as text; `None` when it is not there."""
    value = parameters.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise invalid_argument(
        f"Malformed action/metadata line [{number}], expected a text or a whole number"
        f" for field [{name}] but found [{_TOKENS[type(value)]}]"
    )


def _why_refused(
    operation: str, index: str, sent_id: str | None, parameters: dict[str, Any]
) -> Failure | None:
    if operation in ("update", "delete"):
        return _refuse(f"logs are append-only: [{operation}] is not supported")
    if not _CONDITIONS.isdisjoint(parameters):
        return _refuse("logs are append-only: conditional writes are not supported")
    if sent_id is not None:
        id_bytes = len(sent_id.encode())
        if not id_bytes:
            return _refuse("if _id is specified it must not be empty")
        if id_bytes > ID_BYTES:
            return _refuse(
                f"id is too long, must be no longer than {ID_BYTES} bytes but was: {id_bytes}"
            )
    if len(index.encode()) > INDEX_BYTES:
        reason = f"Invalid index name, it is longer than {INDEX_BYTES} bytes"
        return Failure(400, "invalid_index_name_exception", reason)
    return None


def _refuse(reason: str) -> Failure:
    return Failure(400, "illegal_argument_exception", reason)


def _take(actions: list[_Action], sources: list[bytes | None], limits: BodyLimits) -> Bulk:
    wanted = [
        source
        for action, source in zip(actions, sources, strict=True)
        if source is not None and action.failure is None
    ]
    if len(wanted) == len(actions) and _are_all_fine(wanted, limits):
        # The common case, without a look at each line from here.
        ids = [action.id for action in actions]
        indices: list[str | None] = [action.index_name for action in actions]
        items = [
            Item(action.operation, action.index_name, action.id, place)
            for place, action in enumerate(actions)
        ]
        return Bulk(Records(wanted, ids=ids, indices=indices), items)
    return _take_each(actions, sources, limits)


def _are_all_fine(lines: Sequence[bytes], limits: BodyLimits) -> bool:
    return max(map(len, lines)) <= limits.record_bytes and are_objects(lines)


def _take_each(actions: list[_Action], sources: list[bytes | None], limits: BodyLimits) -> Bulk:
    ids: list[str | None] = []
    indices: list[str | None] = []
    records = Records([], ids=ids, indices=indices)
    items: list[Item] = []
    for number, (action, source) in enumerate(zip(actions, sources, strict=True)):
        outcome: int | Failure
        if action.failure is not None or source is None:
            outcome = action.failure or _refuse("the action has no source")
        elif len(source) > limits.record_bytes:
            outcome = _refuse(too_large(len(source), limits))
        else:
            outcome = len(records.lines)
            _keep(records, number, source)
            ids.append(action.id)
            indices.append(action.index_name)
        if isinstance(outcome, Failure):
            records.reject(number, outcome.type, outcome.reason)
        items.append(Item(action.operation, action.index_name, action.id, outcome))
    return Bulk(records, items)


def _keep(records: Records, number: int, source: bytes) -> None:
    reason = why_unreadable(source)
    if reason is None:
        records.keep(source)
    else:
        records.quarantine(number, source, reason)


def id_of(item: Item, first_id: int) -> str | None:
    """The id that an item's record has: the sent one, or the one of its place in the run."""
    if item.id is not None or isinstance(item.outcome, Failure):
        return item.id
    return uuid_text(first_id + item.outcome)
