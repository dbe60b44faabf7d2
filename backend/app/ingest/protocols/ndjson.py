"""NDJSON, a JSON array, one JSON object or text lines: bytes → records."""

from __future__ import annotations

from enum import Enum

import orjson

from app.core.errors import Invalid, TooLarge
from app.ingest.protocols.json_text import (
    are_objects,
    first_byte,
    has_long_number,
    split_lines,
    split_values,
    why_unreadable,
)
from app.ingest.protocols.records import MIB, BodyLimits, Reason, Records, too_many

_BOM = b"\xef\xbb\xbf"
# A parsed array takes up to thirty times its bytes; a longer one is walked value by value.
_PARSE_WHOLE_BYTES = 2 * MIB


class Form(Enum):
    """What the sender says that the body is."""

    JSON = "json"
    LINES = "lines"
    TEXT = "text"
    UNKNOWN = "unknown"


def read(body: bytes, form: Form, limits: BodyLimits) -> Records:
    """The records of a body; `Invalid` only if it cannot be read as a whole.

    A body that is one array or one object spread over lines is taken as that, whatever it is
    called; text that nobody called JSON and that does not begin like it is taken as text lines.
    """
    body = body.removeprefix(_BOM)
    first = first_byte(body)
    if not first:
        return Records([])
    if form is Form.TEXT:
        return _text_lines(body, limits)
    if first == b"[":
        return _array(body, form, limits)
    if form is Form.UNKNOWN and first != b"{":
        return _text_lines(body, limits)
    return _lines(body, form, limits)


def _split(body: bytes, limits: BodyLimits) -> list[bytes]:
    """The lines without their line ends."""
    # A body with fewer bytes than it may have lines needs no counting.
    if len(body) > limits.records and body.count(b"\n") > limits.records:
        raise TooLarge(too_many(limits), code="too_many_records")
    return split_lines(body)


def _without_blanks(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if line and not line.isspace()]


def _lines(body: bytes, form: Form, limits: BodyLimits) -> Records:
    lines = _split(body, limits)
    if max(map(len, lines)) <= limits.record_bytes and are_objects(lines):
        return Records(lines)
    lines = _without_blanks(lines)
    if why_unreadable(lines[0][: limits.record_bytes + 1]) is not None:
        spread = _spread_over_lines(body, limits)
        if spread is not None:
            return spread
    records = Records([])
    for index, line in enumerate(lines):
        _take_line(records, index, line, limits)
    if form is Form.JSON and len(records.bad) == len(records.lines) == len(lines):
        error = records.errors[0]
        raise Invalid(f"the body is not JSON: {error.detail}", code=error.code)
    return records


def _take_line(records: Records, index: int, line: bytes, limits: BodyLimits) -> None:
    if len(line) > limits.record_bytes:
        records.reject_too_large(index, len(line), limits)
        return
    reason = why_unreadable(line)
    if reason is None:
        records.keep(line)
    else:
        records.quarantine(index, line, reason)


def _spread_over_lines(body: bytes, limits: BodyLimits) -> Records | None:
    """Objects written over several lines each; `None` when the body is not that."""
    try:
        records = _values(body, limits)
    except Invalid:
        return None
    return None if records.bad else records


def _array(body: bytes, form: Form, limits: BodyLimits) -> Records:
    if len(body) <= _PARSE_WHOLE_BYTES:
        records = _parsed_array(body, limits)
        if records is not None:
            return records
    try:
        return _values(body, limits)
    except Invalid:
        if form is Form.JSON:
            raise
    return _text_lines(body, limits) if form is Form.UNKNOWN else _lines(body, form, limits)


def _parsed_array(body: bytes, limits: BodyLimits) -> Records | None:
    """An array of objects that orjson reads and writes without loss: the fast way."""
    try:
        values = orjson.loads(body)
        lines = [orjson.dumps(value) for value in values]
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    if set(map(type, values)) != {dict} or len(lines) > limits.records:
        return None
    if max(map(len, lines)) > limits.record_bytes:
        return None
    is_as_sent = b"[%b]" % b",".join(lines) == body.strip()
    return Records(lines) if is_as_sent or not has_long_number(body) else None


def _values(body: bytes, limits: BodyLimits) -> Records:
    records = Records([])
    for index, value in enumerate(split_values(body, value_bytes=limits.record_bytes)):
        if index >= limits.records:
            raise TooLarge(too_many(limits), code="too_many_records")
        if value.line is None:
            records.reject_too_large(index, value.size, limits)
        elif value.problem is None:
            records.keep(value.line)
        else:
            records.quarantine(index, value.line, value.problem)
    return records


def _text_lines(body: bytes, limits: BodyLimits) -> Records:
    """JSON objects stay records; every other line becomes the message of one."""
    lines = _without_blanks(_split(body, limits))
    records = Records([])
    for index, line in enumerate(lines):
        if len(line) > limits.record_bytes:
            records.reject_too_large(index, len(line), limits)
        elif line.lstrip().startswith(b"{") and why_unreadable(line) is None:
            records.keep(line)
        else:
            _take_text(records, index, line)
    return records


def _take_text(records: Records, index: int, line: bytes) -> None:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        reason = Reason("invalid_utf8", f"byte {error.start + 1} is not UTF-8")
        records.quarantine(index, line, reason)
    else:
        records.keep(orjson.dumps({"message": text}))
