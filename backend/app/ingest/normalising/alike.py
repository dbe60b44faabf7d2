"""Records with the same keys, normalised together: column by column instead of one by one.

The logs of one program have few sets of keys, so most batches are a few columns for each built-in
field, and a step of `normalise` is one pass over a column at the speed of C. A record for which a
column does not tell everything is left out: it goes the way of `normalise`, whose answers these are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import orjson

from app.ingest.directory import StreamTarget
from app.ingest.normalising.levels import levels_at
from app.ingest.normalising.sent_ids import digest_of, id_of
from app.ingest.normalising.shapes import Place, Places, Shape, remove_from, shape_of, value_at
from app.ingest.normalising.timestamps import instants_of
from app.ingest.normalising.trace_ids import hexes_of
from app.ingest.reading import Unreadable, read_plain, reader_of
from app.journal.batch import Batch
from app.logstore.schema import json_text
from app.logstore.types import RoutedRecord

# Fewer records with the same keys are as fast one by one.
FEWEST = 8
# So many are taken at once that they stay in a processor's own cache from column to column.
SLICE = 256

Object = dict[str, Any]
_NO_LEVEL = (None, None)
_ONLY_NONE = {type(None)}
_MERGED = frozenset({"attributes", "_stream", "_index"})
Read = Callable[[Place, list[Any]], Sequence[Any]]


def normalise_alike(
    batch: Batch, target: StreamTarget, made_ids: Sequence[str]
) -> list[RoutedRecord | None]:
    """A record for each line, or `None` where it has to be made by itself."""
    made: list[RoutedRecord | None] = [None] * len(batch.lines)
    if batch.is_text or len(made) < FEWEST:
        return made
    read = reader_of(batch.lines)
    for start in range(0, len(made), SLICE):
        objects = _objects(batch, read, start)
        for places in _same_keys(objects, start):
            rows = [one for place in places if (one := objects[place - start]) is not None]
            group = _Group(batch, places, rows)
            records = group.records(target, made_ids)
            for place, record in zip(places, records, strict=True):
                made[place] = record
            for odd in group.odd:
                made[places[odd]] = None
    return made


def _objects(batch: Batch, read: Callable[[bytes], Object], start: int) -> list[Object | None]:
    """The object of each line of a slice; `None` for those that are none, or cannot be read."""
    lines = batch.lines[start : start + SLICE]
    if read is read_plain and not batch.bad:
        try:
            values = list(map(orjson.loads, lines))
        except orjson.JSONDecodeError:
            values = []
        if set(map(type, values)) == {dict}:
            return values
    return [
        None if index in batch.bad else _object(read, line)
        for index, line in enumerate(lines, start)
    ]


def _object(read: Callable[[bytes], Object], line: bytes) -> Object | None:
    try:
        return read(line)
    except Unreadable:
        return None


def _same_keys(objects: Sequence[Object | None], start: int) -> list[Sequence[int]]:
    """The places of objects that have the same keys, where there are enough of them; the first
    object is at the place `start`."""
    keys = [None if one is None else tuple(one) for one in objects]
    if keys[0] is not None and keys.count(keys[0]) == len(keys):
        return [range(start, start + len(keys))] if len(keys) >= FEWEST else []
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, key in enumerate(keys, start):
        if key is not None:
            groups.setdefault(key, []).append(place)
    return [places for places in groups.values() if len(places) >= FEWEST]


class _Group:
    """Objects with the same keys. `odd` are those to be left out, by their place in the group."""

    def __init__(self, batch: Batch, places: Sequence[int], rows: list[Object]) -> None:
        self.odd: set[int] = set()
        self._batch = batch
        self._places = places
        self._rows = rows
        self._taken: list[Place] = []

    def records(
        self, target: StreamTarget, made_ids: Sequence[str]
    ) -> Sequence[RoutedRecord | None]:
        """The records in their order, also for the odd ones, whose are wrong."""
        batch, rows = self._batch, self._rows
        shape = shape_of(rows[0])
        # What would have to be merged is merged one by one.
        if not _MERGED.isdisjoint(rows[0]):
            return [None] * len(rows)
        messages = self._take(shape.message, _texts)
        if messages is None:
            messages = [json_text(row) for row in rows]
        ids, sent = self._ids(shape, made_ids)
        timestamps = self._timestamps(shape.timestamp)
        levels = self._take(shape.level, levels_at)
        levels = [_NO_LEVEL] * len(rows) if levels is None else [one or _NO_LEVEL for one in levels]
        keywords = [
            self._take(places, _texts)
            for places in (shape.service, shape.host, shape.environment, shape.logger)
        ]
        keywords += [self._take(places, _hexes) for places in (shape.trace_id, shape.span_id)]
        self._remove_taken()
        self._add_own(target)
        not_sent = [False] * len(rows)
        columns = zip(
            repeat(batch.org_id),
            repeat(target.retention_class),
            repeat(target.name),
            ids,
            sent,
            sent if batch.ids is not None else not_sent,
            self._digests(sent),
            repeat(batch.received_ns),
            timestamps,
            messages,
            *zip(*levels, strict=True),
            *(repeat(None) if column is None else column for column in keywords),
            rows,
            strict=False,
        )
        # As `RoutedRecord._make`, at half of its price.
        return list(map(tuple.__new__, repeat(RoutedRecord), columns))

    def _take(self, places: Places, read: Read) -> Sequence[Any] | None:
        """The values of the first place that has any: a row without is odd. `None`: none has."""
        for place in places:
            values = read(place, self._column(place))
            kinds = set(map(type, values))
            if kinds == _ONLY_NONE:
                continue
            if not kinds.isdisjoint(_ONLY_NONE):
                self._leave_out(values)
            self._taken.append(place)
            return values
        return None

    def _column(self, place: Place) -> list[Any]:
        if isinstance(place, str):
            return [row[place] for row in self._rows]
        return [value_at(row, place) for row in self._rows]

    def _leave_out(self, values: Sequence[Any]) -> None:
        self.odd.update(index for index, value in enumerate(values) if value is None)

    def _timestamps(self, places: Places) -> Sequence[int]:
        received_ns = self._batch.received_ns
        instants = self._take(places, lambda _, column: instants_of(column, received_ns))
        if instants is not None:
            return instants
        for place in places:
            # What is no time stays, and the record has to say so.
            column = enumerate(self._column(place))
            self.odd.update(index for index, value in column if value is not None)
        return [received_ns] * len(self._rows)

    def _ids(self, shape: Shape, made_ids: Sequence[str]) -> tuple[list[str], list[bool]]:
        """The id of each record, and whether it was sent."""
        beside = self._batch.ids
        made = [made_ids[place] for place in self._places]
        sent: Sequence[str | None] | None = None
        if beside is not None:
            values = [beside[place] for place in self._places]
            sent = [id_of(value) for value in values]
            # What cannot be an id becomes an attribute.
            pairs = enumerate(zip(values, sent, strict=True))
            self.odd.update(index for index, (value, one) in pairs if one is None is not value)
        elif shape.has_id:
            sent = self._take(("id",), lambda _, column: [id_of(value) for value in column])
        if sent is None:
            return made, [False] * len(made)
        ids = [own if one is None else one for one, own in zip(sent, made, strict=True)]
        return ids, [one is not None for one in sent]

    def _digests(self, sent: Sequence[bool]) -> list[bytes]:
        lines = self._batch.lines
        return [
            digest_of(lines[place]) if is_sent else b""
            for place, is_sent in zip(self._places, sent, strict=True)
        ]

    def _remove_taken(self) -> None:
        for place in self._taken:
            if isinstance(place, str):
                for row in self._rows:
                    del row[place]
            else:
                for index, row in enumerate(self._rows):
                    if index not in self.odd:
                        remove_from(row, place)

    def _add_own(self, target: StreamTarget) -> None:
        """What the record was sent to, where that is not what it goes to."""
        stream, indices = self._batch.stream, self._batch.indices
        if stream not in ("", target.name):
            for row in self._rows:
                row["_stream"] = stream
        if indices is not None:
            for place, row in zip(self._places, self._rows, strict=True):
                if indices[place] is not None:
                    row["_index"] = indices[place]


def _texts(_place: Place, values: list[Any]) -> Sequence[Any]:
    if set(map(type, values)) == {str}:
        return values
    return [value if type(value) is str else None for value in values]


def _hexes(_place: Place, values: list[Any]) -> Sequence[Any]:
    return hexes_of(values)
