"""How records travel over the bus: a head that says whose they are and how many, then their lines.

Each publisher counts the records of an organisation that it sent, or had no room to send. Whoever
reads sees from the heads alone how many are missing, wherever on the way they were lost.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.core.errors import Invalid
from app.core.ids import OrgId
from app.logstore.types import RoutedRecord, StoredRecord

# Version, organisation, publisher, records sent before these, how many these are.
_HEAD = struct.Struct(">B16s16sQI")
_VERSION = 1
# A frame ends after so many bytes; one record may be larger.
FRAME_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Whose records a frame holds, and which of those that its publisher sent."""

    org_id: OrgId
    publisher: UUID
    before: int
    count: int


def frames_of(
    records: Sequence[RoutedRecord], *, publisher: UUID, before: int
) -> Iterator[tuple[Head, bytes]]:
    """The records, which are of one organisation, as frames."""
    org_id = records[0].org_id
    lines: list[bytes] = []
    size = 0
    for record in records:
        lines.append(_line_of(record))
        size += len(lines[-1])
        if size >= FRAME_BYTES:
            yield _frame(Head(org_id, publisher, before, len(lines)), lines)
            before += len(lines)
            lines, size = [], 0
    if lines:
        yield _frame(Head(org_id, publisher, before, len(lines)), lines)


def read_head(frame: bytes) -> Head:
    """The head of a frame; `Invalid` for one of another version, as in an upgrade."""
    if len(frame) < _HEAD.size or frame[0] != _VERSION:
        raise Invalid("this is no frame of this version")
    _, org_id, publisher, before, count = _HEAD.unpack_from(frame)
    return Head(OrgId(UUID(bytes=org_id)), UUID(bytes=publisher), before, count)


def read_records(frame: bytes) -> list[StoredRecord]:
    """The records of a frame, as a store would show them."""
    return [_record_of(line) for line in frame[_HEAD.size :].split(b"\n")]


def _frame(head: Head, lines: Sequence[bytes]) -> tuple[Head, bytes]:
    packed = _HEAD.pack(_VERSION, head.org_id.bytes, head.publisher.bytes, head.before, head.count)
    return head, packed + b"\n".join(lines)


def _line_of(record: RoutedRecord) -> bytes:
    values = (
        record.id,
        record.timestamp_ns,
        record.observed_ns,
        record.message,
        record.level,
        record.level_number,
        record.service,
        record.host,
        record.environment,
        record.logger,
        record.trace_id,
        record.span_id,
        record.stream,
        record.attributes,
    )
    try:
        return orjson.dumps(values)
    except TypeError:
        # Integers beyond 64 bits, and surrogates: the standard library writes those too, and has
        # to read them. The space says so.
        return b" " + json.dumps(values, separators=(",", ":")).encode()


def _record_of(line: bytes) -> StoredRecord:
    values: list[Any] = json.loads(line) if line.startswith(b" ") else orjson.loads(line)
    return StoredRecord(*values)
