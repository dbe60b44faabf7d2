"""A record as the index's JSON and as the source's row: the hot path of the shipper."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Protocol

import orjson

from app.core.ids import OrgId
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.schema import (
    EXACT,
    HAS_TAG,
    KEYWORD_PATH,
    KEYWORDS,
    MAX_VALUE_CHARACTERS,
    NUL,
    ORG_TAG,
    STRING_MARK,
    escape_path,
    hash_token,
    number_token,
    string_token,
)
from app.logstore.schema import Leaf
from app.logstore.types import HIDDEN_STREAM_PREFIX, RoutedRecord, StoredRecord
from app.query.words import index_text

NS_PER_MS = 1_000_000
HAS_TRACE = f"{HAS_TAG}trace_id"
HAS_SPAN = f"{HAS_TAG}span_id"
# Begins a row that orjson cannot write, or not read back as it was.
_SLOW_ROW = b"!"
_LARGEST = sys.float_info.max
# serde_json rounds: decimals up to so many characters and integers up to so many digits are read
# exactly, about one in eight beyond is one bit off.
SHORT_NUMBER = 16
_SHORT_INTEGER = 10**14


class OrgFields(Protocol):
    """What a partition knows about one organisation's attribute fields."""

    tag: str  # of its records
    hidden_tag: str  # of its records in hidden streams
    mapped: dict[str, bool]  # of the paths met so far

    def decide(self, path: str) -> bool:
        """Whether a path that was never met is mapped; remembers the answer in `mapped`."""
        ...


def org_tag(org: OrgId, stream: str) -> str:
    """The organisation's tag; the records of its hidden streams have another one."""
    is_hidden = stream.startswith(HIDDEN_STREAM_PREFIX)
    return f"{ORG_TAG}{org.hex}_" if is_hidden else f"{ORG_TAG}{org.hex}"


def index_entry(
    record: RoutedRecord, leaves: list[Leaf], ref: int, key: str | None, fields: OrgFields
) -> str | dict[str, Any]:
    """What goes to the index. `key` is the term of a sent id.

    JSON, or the same as an object for the rare record with a number that tantivy's JSON parser
    would read one bit off. Written out without loops: one is made of every record.
    """
    (
        _org_id, _class, stream, record_id, _is_sent, _first_wins, _digest, observed_ns,
        timestamp_ns, message, level, level_number, service, host, environment, logger,
        trace_id, span_id, _attributes,
    ) = record  # fmt: skip
    tags = [fields.hidden_tag if stream.startswith(HIDDEN_STREAM_PREFIX) else fields.tag]
    document: dict[str, Any] = {
        "ts": timestamp_ns,
        "ms": timestamp_ns // NS_PER_MS,
        "observed": observed_ns,
        "ref": ref,
        "id": id_term(record_id),
        "stream": stream,
        "message": index_text(message),
        "tags": tags,
    }
    _add_present(document, level, level_number, service, host, environment, logger)
    if trace_id is not None:
        document["trace_id"] = trace_id
        tags.append(HAS_TRACE)
    if span_id is not None:
        document["span_id"] = span_id
        tags.append(HAS_SPAN)
    if key is not None:
        tags.append(key)
    rest: list[str] = []
    attributes, is_exact = _typed(leaves, fields, rest)
    if attributes:
        document["attributes"] = attributes
    if rest:
        document["rest"] = rest
    text = _json_of(document)
    # Only in a text of this length can a keyword be too long for a term.
    if len(text) > MAX_VALUE_CHARACTERS and _move_long_keywords(document, rest):
        text = _json_of(document)
    if is_exact:
        return text
    entry: dict[str, Any] = json.loads(text)
    return entry


def _add_present(
    document: dict[str, Any],
    level: str | None,
    level_number: int | None,
    *keywords: str | None,
) -> None:
    service, host, environment, logger = keywords
    if level is not None:
        document["level"] = level
    if level_number is not None:
        document["level_number"] = level_number
    if service is not None:
        document["service"] = service
    if host is not None:
        document["host"] = host
    if environment is not None:
        document["environment"] = environment
    if logger is not None:
        document["logger"] = logger


def _json_of(document: dict[str, Any]) -> str:
    try:
        return orjson.dumps(document).decode()
    except TypeError:  # a lone surrogate: the index gets the replacement character for it
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace").decode()


def _move_long_keywords(document: dict[str, Any], rest: list[str]) -> bool:
    """Moves keywords that are too long to `rest`; whether there were any."""
    too_long = [name for name in KEYWORDS if len(document.get(name) or "") > MAX_VALUE_CHARACTERS]
    rest += [KEYWORD_PATH + name + NUL + hash_token(document.pop(name)) for name in too_long]
    if too_long:
        document["rest"] = rest
    return bool(too_long)


def _typed(leaves: list[Leaf], fields: OrgFields, rest: list[str]) -> tuple[dict[str, Any], bool]:
    """The values of the JSON field, and whether tantivy reads their numbers exactly from JSON;
    tokens for all other values are added to `rest`."""
    typed: dict[str, Any] = {}
    is_exact = True
    mapped = fields.mapped
    value: Any
    for path, value in leaves:
        # The usual kinds of a mapped path's first value are written out.
        if mapped.get(path) and path not in typed:
            kind = type(value)
            if kind is str:
                if len(value) <= MAX_VALUE_CHARACTERS:
                    typed[path] = f"{STRING_MARK}{value}"
                    continue
            elif kind is float:
                if -EXACT <= value <= EXACT and len(repr(value)) <= SHORT_NUMBER:
                    typed[path] = value + 0.0
                    continue
            elif kind is int and -_SHORT_INTEGER < value < _SHORT_INTEGER:
                typed[path] = value + 0.0
                continue
        is_exact = is_exact and is_read_exactly(value)
        _add_typed(typed, path, value, fields, rest)
    return typed, is_exact


def is_read_exactly(value: Any) -> bool:
    """Whether tantivy's JSON parser reads a value as it is."""
    kind = type(value)
    if kind is float:
        return -EXACT <= value <= EXACT and len(repr(value)) <= SHORT_NUMBER
    return kind is not int or -_SHORT_INTEGER < value < _SHORT_INTEGER


def _add_typed(
    typed: dict[str, Any], path: str, value: Any, fields: OrgFields, rest: list[str]
) -> None:
    is_mapped = fields.mapped.get(path)
    if is_mapped is None:
        is_mapped = fields.decide(path)
    if not is_mapped:
        _add_tokens(path, value, rest)
        return
    term = _term(path, value, rest)
    if term is None:
        return
    if path not in typed:
        typed[path] = term
    elif type(typed[path]) is list:
        typed[path].append(term)
    else:
        typed[path] = [typed[path], term]


def _term(path: str, value: Any, rest: list[str]) -> str | float | None:
    """The value of a mapped field; what the JSON field cannot hold is added to `rest` instead."""
    kind = type(value)
    if kind is str:
        if len(value) <= MAX_VALUE_CHARACTERS:
            return STRING_MARK + str(value)
    elif kind is bool:
        return bool(value)
    elif -EXACT <= value <= EXACT:
        # Always a double, so that a column never has another type; and -0.0 becomes 0.0.
        return float(value) + 0.0
    elif -_LARGEST <= value <= _LARGEST:
        rest.append(f"{escape_path(path)}{NUL}i{int(value)}")
        return float(value)
    _add_tokens(path, value, rest)
    return None


def _add_tokens(path: str, value: Any, rest: list[str]) -> None:
    """Adds the tokens that stand for a value outside the JSON field."""
    prefix = escape_path(path) + NUL
    kind = type(value)
    if kind is str:
        rest.append(prefix + string_token(value))
    elif kind is bool:
        rest.append(f"{prefix}b{int(value)}")
    else:
        if not -EXACT <= value <= EXACT and not _is_infinite(value):
            rest.append(f"{prefix}i{int(value)}")
        rest.append(f"{prefix}n{number_token(_double(value))}")


def _is_infinite(value: float) -> bool:
    return type(value) is float and math.isinf(value)


def _double(value: float) -> float:
    if -_LARGEST <= value <= _LARGEST:
        return value + 0.0
    return math.copysign(math.inf, value) if type(value) is float else math.inf * (value > 0 or -1)


def source_row(record: RoutedRecord, not_indexed: tuple[str, ...]) -> bytes:
    """The record as one line, without what the partition itself says."""
    cells: list[Any] = [
        record.id,
        record.timestamp_ns,
        record.observed_ns,
        *record[9:],
        record.stream,
        record.digest.hex(),
    ]
    if not_indexed:
        cells.append(not_indexed)
    try:
        return orjson.dumps(cells)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, very deep nesting
        return _SLOW_ROW + json.dumps(cells).encode()


def cells_of(row: bytes) -> list[Any]:
    """What was given to `source_row`, as a list."""
    cells: list[Any] = json.loads(row[1:]) if row.startswith(_SLOW_ROW) else orjson.loads(row)
    return cells


def stored_record(row: bytes) -> StoredRecord:
    """The record of a row."""
    cells = cells_of(row)
    record_id, timestamp, observed, *built_in = cells[:13]
    message, level, level_number, service, host, environment, logger, trace, span, attributes = (
        built_in
    )
    return StoredRecord(
        id=record_id,
        timestamp_ns=timestamp,
        observed_ns=observed,
        message=message,
        level=level,
        level_number=level_number,
        service=service,
        host=host,
        environment=environment,
        logger=logger,
        trace_id=trace,
        span_id=span,
        attributes=attributes,
        stream=cells[13],
        not_indexed=tuple(cells[15]) if len(cells) > 15 else (),
    )


def sent_digest(row: bytes) -> tuple[bytes, int]:
    """(digest, receive time) of a record that came with an id."""
    cells = cells_of(row)
    return bytes.fromhex(cells[14]), cells[2]
