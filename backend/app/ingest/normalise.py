"""The lines of a batch as records: what api.md promises under "What a record may look like"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from app.core.ids import uuid_text
from app.ingest.directory import StreamTarget
from app.ingest.quarantine import quarantined
from app.ingest.reading import Unreadable, reader_of
from app.ingest.shapes import Places, Shape, remove_from, shape_of, value_at
from app.ingest.timestamps import instant_of
from app.journal.batch import Batch
from app.logstore.schema import json_text
from app.logstore.types import RoutedRecord
from app.query.levels import LEVEL_BY_WORD, LEVEL_NUMBERS, level_of_number, level_of_word

MAX_ID_BYTES = 512
_DIGEST_BYTES = 16
_LOWER_HEX = "0123456789abcdef"
_ANY_HEX = "0123456789abcdefABCDEF"
_USUAL_LEVELS = {
    spelled: (level, LEVEL_NUMBERS[level])
    for word, level in LEVEL_BY_WORD.items()
    for spelled in (word, word.upper(), word.capitalize())
}
_OTEL_SEVERITY = "severity_number"
# A run of ids differs in its last eight hex digits only (core.ids.uuid7_run).
_RUN_DIGITS = 8
_RUN_MASK = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Normalised:
    """The records of a batch in the order of its lines, entries for quarantine among them.

    `lines[i]` is the line that `records[i]` was made of; `quarantined` counts by reason.
    """

    records: list[RoutedRecord]
    quarantined: Counter[str] = field(default_factory=Counter)


def normalise(batch: Batch, target: StreamTarget) -> Normalised:
    """One record per line; a line that cannot be read becomes an entry of the quarantine."""
    made = Normalised([])
    lines = _Lines(batch, target)
    add = made.records.append
    for index, line in enumerate(batch.lines):
        reason = batch.bad.get(index)
        if reason is None:
            try:
                add(lines.record(index, line))
                continue
            except Unreadable as unreadable:
                reason = unreadable.code
        made.quarantined[reason] += 1
        add(quarantined(batch, index, reason=reason))
    return made


class _Lines:
    """What all lines of a batch share, worked out once."""

    def __init__(self, batch: Batch, target: StreamTarget) -> None:
        self._batch = batch
        self._target = target
        self._first_wins = batch.ids is not None
        self._unknown_stream = batch.stream if batch.stream not in ("", target.name) else ""
        self._read = _reader_of(batch)
        first = batch.first_id & _RUN_MASK
        is_run = first + len(batch.lines) <= _RUN_MASK
        self._run_from = first if is_run else None
        self._run_prefix = uuid_text(batch.first_id)[:-_RUN_DIGITS]

    def record(self, index: int, line: bytes) -> RoutedRecord:
        """The record of a line; `Unreadable` when it is none."""
        record = self._read(line)
        batch = self._batch
        shape = shape_of(record)
        message = _take_text(record, shape.message)
        if message is None:
            message = json_text(record)
        sent_id = self._take_id(record, shape, index)
        timestamp_ns = _take_timestamp(record, shape.timestamp, batch.received_ns)
        level, level_number = _take_level(record, shape.level)
        service = _take_text(record, shape.service) if shape.service else None
        host = _take_text(record, shape.host) if shape.host else None
        environment = _take_text(record, shape.environment) if shape.environment else None
        logger = _take_text(record, shape.logger) if shape.logger else None
        trace_id = _take_hex(record, shape.trace_id) if shape.trace_id else None
        span_id = _take_hex(record, shape.span_id) if shape.span_id else None
        return RoutedRecord(
            batch.org_id,
            self._target.retention_class,
            self._target.name,
            self._made_id(index) if sent_id is None else sent_id,
            sent_id is not None,
            sent_id is not None and self._first_wins,
            b"" if sent_id is None else blake2b(line, digest_size=_DIGEST_BYTES).digest(),
            batch.received_ns,
            batch.received_ns if timestamp_ns is None else timestamp_ns,
            message,
            level,
            level_number,
            service,
            host,
            environment,
            logger,
            trace_id,
            span_id,
            self._attributes(record, shape, index),
        )

    def _made_id(self, index: int) -> str:
        if self._run_from is None:
            return self._batch.id_of(index)
        return f"{self._run_prefix}{self._run_from + index:08x}"

    def _take_id(self, record: dict[str, Any], shape: Shape, index: int) -> str | None:
        ids = self._batch.ids
        if ids is not None:
            return _id_of(ids[index])
        if not shape.has_id:
            return None
        sent_id = _id_of(record["id"])
        if sent_id is not None:
            del record["id"]
        return sent_id

    def _attributes(self, record: dict[str, Any], shape: Shape, index: int) -> dict[str, Any]:
        """What is left of the record, merged with the object `attributes`, and what we add."""
        batch = self._batch
        attributes = record
        if shape.has_attributes and type(record["attributes"]) is dict:
            attributes = record.pop("attributes")
            for key, value in record.items():
                _add(attributes, key, value)
        if self._unknown_stream:
            _add(attributes, "_stream", self._unknown_stream)
        if batch.indices is not None and batch.indices[index] is not None:
            _add(attributes, "_index", batch.indices[index])
        if (
            batch.ids is not None
            and batch.ids[index] is not None
            and _id_of(batch.ids[index]) is None
        ):
            _add(attributes, "id", batch.ids[index])
        return attributes


def _reader_of(batch: Batch) -> Callable[[bytes], dict[str, Any]]:
    read = reader_of(batch.lines)
    if not batch.is_text:
        return read

    def read_text(line: bytes) -> dict[str, Any]:
        if line.lstrip()[:1] == b"{":
            try:
                return read(line)
            except Unreadable:
                pass
        return {"message": line.decode(errors="replace")}

    return read_text


def _id_of(value: Any) -> str | None:
    """The id that a sent value means; `None` when it counts as not sent."""
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is not str or not value:
        return None
    text: str = value
    # A code point takes four bytes at most.
    if len(text) > MAX_ID_BYTES // 4 and len(text.encode()) > MAX_ID_BYTES:
        return None
    return text


def _take_text(record: dict[str, Any], places: Places) -> str | None:
    for place in places:
        # Written out for keys of the record itself: most values lie there.
        if type(place) is str:
            value = record[place]
            if type(value) is str:
                del record[place]
                return value
        else:
            value = value_at(record, place)
            if type(value) is str:
                remove_from(record, place)
                return value
    return None


def _take_hex(record: dict[str, Any], places: Places) -> str | None:
    for place in places:
        value = value_at(record, place)
        if type(value) is str and value:
            # Empty when stripped: it has no other characters.
            if not value.strip(_LOWER_HEX):
                remove_from(record, place)
                return value
            if not value.strip(_ANY_HEX):
                remove_from(record, place)
                return value.lower()
    return None


def _take_timestamp(record: dict[str, Any], places: Places, received_ns: int) -> int | None:
    """The record's own time; without one that can be read, says so in `_parse_error`."""
    unread = ""
    for place in places:
        value = value_at(record, place)
        if value is None:
            continue
        instant = instant_of(value, received_ns)
        if instant is not None:
            remove_from(record, place)
            return instant
        unread = unread or (place if isinstance(place, str) else ".".join(place))
    if unread:
        _add(record, "_parse_error", f"'{unread}' is no time from 1970-01-01 to 2262-04-11")
    return None


def _take_level(record: dict[str, Any], places: Places) -> tuple[str | None, int | None]:
    for place in places:
        found = _level_of(value_at(record, place), is_otel=place == _OTEL_SEVERITY)
        if found is not None:
            remove_from(record, place)
            return found
    return None, None


def _level_of(value: Any, *, is_otel: bool) -> tuple[str, int] | None:
    kind = type(value)
    if kind is str:
        known = _USUAL_LEVELS.get(value)
        if known is not None:
            return known
        level = level_of_word(value)
        return None if level is None else (level, LEVEL_NUMBERS[level])
    if kind is float and value.is_integer():
        return level_of_number(int(value), is_otel=is_otel)
    return level_of_number(value, is_otel=is_otel) if kind is int else None


def _add(attributes: dict[str, Any], key: str, value: Any) -> None:
    """Where both have the key, both values are kept as a list."""
    attributes[key] = [attributes[key], value] if key in attributes else value
