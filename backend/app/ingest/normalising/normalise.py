"""The lines of a batch as records: what api.md promises under "What a record may look like"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.core.errors import ElkError
from app.ingest.directory import StreamTarget
from app.ingest.normalising.alike import normalise_alike
from app.ingest.normalising.levels import level_at
from app.ingest.normalising.quarantine import quarantined
from app.ingest.normalising.sent_ids import digest_of, id_of
from app.ingest.normalising.shapes import Places, Shape, remove_from, shape_of, value_at
from app.ingest.normalising.timestamps import instant_of
from app.ingest.normalising.trace_ids import hex_of
from app.ingest.normalising.unexpected import UNEXPECTED, described
from app.ingest.reading import Unreadable, reader_of
from app.journal.batch import Batch
from app.logstore.schema import json_text
from app.logstore.types import RoutedRecord

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Normalised:
    """The records of a batch in the order of its lines, entries for quarantine among them.

    `lines[i]` is the line that `records[i]` was made of; `quarantined` counts by reason.
    """

    records: list[RoutedRecord]
    quarantined: Counter[str] = field(default_factory=Counter)


def normalise(batch: Batch, target: StreamTarget) -> Normalised:
    """One record per line; a line that cannot be read becomes an entry of the quarantine."""
    made_ids = batch.made_ids()
    together = normalise_alike(batch, target, made_ids)
    made = Normalised([record for record in together if record is not None])
    if len(made.records) == len(together):
        return made
    lines = _Lines(batch, target, made_ids)
    made.records[:] = [
        _made_alone(batch, index, lines, made.quarantined) if record is None else record
        for index, record in enumerate(together)
    ]
    return made


def normalise_or_keep(batch: Batch, target: StreamTarget) -> Normalised:
    """What `normalise` makes. Where that fails, for whatever reason, what it has no answer for goes
    to quarantine, and all else is as it would have been alone."""
    try:
        return normalise(batch, target)
    except (ElkError, MemoryError):
        raise
    except Exception:
        log.exception("lines_failed", organisation=str(batch.org_id))
    made = Normalised([])
    for index in range(len(batch.lines)):
        alone = _normalised_or_kept(batch.part(index, index + 1), target)
        made.records.extend(alone.records)
        made.quarantined.update(alone.quarantined)
    return made


def _normalised_or_kept(line: Batch, target: StreamTarget) -> Normalised:
    try:
        return normalise(line, target)
    except (ElkError, MemoryError):
        raise
    except Exception as error:
        log.debug("line_failed", exc_info=True)
        bad = quarantined(line, 0, reason=UNEXPECTED, detail=described(error))
        return Normalised([bad], Counter([UNEXPECTED]))


def _made_alone(
    batch: Batch, index: int, lines: _Lines, quarantined_by_reason: Counter[str]
) -> RoutedRecord:
    reason = batch.bad.get(index)
    if reason is None:
        try:
            return lines.record(index, batch.lines[index])
        except Unreadable as unreadable:
            reason = unreadable.code
    quarantined_by_reason[reason] += 1
    detail = batch.detail if index in batch.bad else ""
    return quarantined(batch, index, reason=reason, detail=detail)


class _Lines:
    """What all lines of a batch share, worked out once."""

    def __init__(self, batch: Batch, target: StreamTarget, made_ids: Sequence[str]) -> None:
        self._batch = batch
        self._target = target
        self._made_ids = made_ids
        self._first_wins = batch.ids is not None
        self._unknown_stream = batch.stream if batch.stream not in ("", target.name) else ""
        self._read = _reader_of(batch)

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
            self._made_ids[index] if sent_id is None else sent_id,
            sent_id is not None,
            sent_id is not None and self._first_wins,
            b"" if sent_id is None else digest_of(line),
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

    def _take_id(self, record: dict[str, Any], shape: Shape, index: int) -> str | None:
        ids = self._batch.ids
        if ids is not None:
            return id_of(ids[index])
        if not shape.has_id:
            return None
        sent_id = id_of(record["id"])
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
            and id_of(batch.ids[index]) is None
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
        found = hex_of(value_at(record, place))
        if found is not None:
            remove_from(record, place)
            return found
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
        found = level_at(place, value_at(record, place))
        if found is not None:
            remove_from(record, place)
            return found
    return None, None


def _add(attributes: dict[str, Any], key: str, value: Any) -> None:
    """Where both have the key, both values are kept as a list."""
    attributes[key] = [attributes[key], value] if key in attributes else value
