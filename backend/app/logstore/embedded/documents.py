"""Index entries and source rows of many records at once: what `document` makes, column by column."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import compress, repeat
from operator import itemgetter
from typing import Any

import orjson

from app.logstore.alike import FEWEST, Alike, Column, alike
from app.logstore.embedded.document import (
    HAS_SPAN,
    HAS_TRACE,
    NS_PER_MS,
    SHORT_NUMBER,
    OrgFields,
    is_read_exactly,
)
from app.logstore.embedded.ids import id_terms
from app.logstore.embedded.schema import (
    MAX_VALUE_CHARACTERS,
    NUL,
    STRING_MARK,
    escape_path,
    number_token,
)
from app.logstore.types import HIDDEN_STREAM_PREFIX, RoutedRecord
from app.query.words import index_texts

_OPTIONAL = ("level", "level_number", "service", "host", "environment", "logger")
_TRACED = {"trace_id": HAS_TRACE, "span_id": HAS_SPAN}
_WHO_HAS_WHAT = itemgetter(*map(RoutedRecord._fields.index, (*_OPTIONAL, *_TRACED)))


def index_entries(
    records: Sequence[RoutedRecord], first_ref: int, fields: OrgFields
) -> list[str | None]:
    """The JSON of each record of one organisation without a sent id; `None` where `index_entry` has
    to make it. The first is row `first_ref` of the source."""
    made: list[str | None] = [None] * len(records)
    for places, columns in _groups(records):
        together = _Together([records[place] for place in places], places, first_ref, fields)
        entries = together.entries(columns)
        for row, (place, entry) in enumerate(zip(places, entries, strict=False)):
            # Only in a text of this length can a value be too long for a term.
            if len(entry) <= MAX_VALUE_CHARACTERS and row not in together.odd:
                made[place] = entry
    return made


def source_rows(records: Sequence[RoutedRecord]) -> list[bytes] | None:
    """`source_row` of each record, where all that it has is indexed; `None` where one of them is
    beyond orjson."""
    columns = list(zip(*records, strict=True))
    try:
        return list(
            map(
                orjson.dumps,
                zip(
                    *_of(columns, "id", "timestamp_ns", "observed_ns"),
                    *columns[_FIRST_OF_ROW:],
                    *_of(columns, "stream"),
                    [digest.hex() for digest in columns[_DIGEST]],
                    strict=True,
                ),
            )
        )
    except TypeError:
        return None


_FIRST_OF_ROW = RoutedRecord._fields.index("message")
_DIGEST = RoutedRecord._fields.index("digest")


def _of(columns: Sequence[tuple[Any, ...]], *names: str) -> list[tuple[Any, ...]]:
    return [columns[RoutedRecord._fields.index(name)] for name in names]


def _groups(records: Sequence[RoutedRecord]) -> Iterator[Alike]:
    """Records whose attributes are alike and who have the same built-in fields."""
    for group in alike([record.attributes for record in records]):
        built_in = [_WHO_HAS_WHAT(records[place]) for place in group.places]
        if all(column.count(None) in (0, len(column)) for column in zip(*built_in, strict=True)):
            yield group
            continue
        masks = [tuple(value is None for value in values) for values in built_in]
        for mask in set(masks):
            is_chosen = [one == mask for one in masks]
            places = list(compress(group.places, is_chosen))
            if len(places) >= FEWEST:
                yield Alike(
                    places,
                    [
                        column._replace(values=list(compress(column.values, is_chosen)))
                        for column in group.columns
                    ],
                )


class _Together:
    """Records that are alike. `odd` are those whose entries are wrong, by their place among them."""

    def __init__(
        self,
        records: Sequence[RoutedRecord],
        places: Sequence[int],
        first_ref: int,
        fields: OrgFields,
    ) -> None:
        self.odd: set[int] = set()
        self._records = records
        self._refs = [first_ref + place for place in places]
        self._fields = fields
        self._names: list[str] = []
        self._columns: list[Sequence[Any]] = []
        self._paths: list[str] = []
        self._typed: list[Sequence[Any]] = []
        self._tokens: list[Sequence[str]] = []

    def entries(self, columns: Sequence[Column]) -> list[str]:
        """An entry each, or none at all: then they have to be made one by one."""
        self._add_own()
        for column in columns:
            self._add_leaves(column)
        if self._typed:
            rows = zip(*self._typed, strict=True)
            self._add("attributes", list(map(dict, map(zip, repeat(self._paths), rows))))
        if self._tokens:
            self._add("rest", list(zip(*self._tokens, strict=True)))
        rows = zip(*self._columns, strict=True)
        documents = map(dict, map(zip, repeat(self._names), rows))
        try:
            return list(map(bytes.decode, map(orjson.dumps, documents)))
        except TypeError:
            return []

    def _add(self, name: str, values: Sequence[Any]) -> None:
        self._names.append(name)
        self._columns.append(values)

    def _add_own(self) -> None:
        """What every record has."""
        by_name = dict(zip(RoutedRecord._fields, zip(*self._records, strict=True), strict=True))
        timestamps = by_name["timestamp_ns"]
        self._add("ts", timestamps)
        self._add("ms", [timestamp // NS_PER_MS for timestamp in timestamps])
        self._add("observed", by_name["observed_ns"])
        self._add("ref", self._refs)
        self._add("id", id_terms(by_name["id"]))
        self._add("stream", by_name["stream"])
        self._add("message", index_texts(by_name["message"]))
        for name in (*_OPTIONAL, *_TRACED):
            if by_name[name][0] is not None:
                self._add(name, by_name[name])
        had = [mark for name, mark in _TRACED.items() if by_name[name][0] is not None]
        tags = {
            stream: [
                self._fields.hidden_tag
                if stream.startswith(HIDDEN_STREAM_PREFIX)
                else self._fields.tag,
                *had,
            ]
            for stream in set(by_name["stream"])
        }
        self._add("tags", [tags[stream] for stream in by_name["stream"]])

    def _add_leaves(self, column: Column) -> None:
        """Adds the values to the JSON field, or as tokens."""
        path, kind, values = column
        if kind in _NUMBERS and not _are_read_exactly(kind, values):
            self.odd.update(row for row, value in enumerate(values) if not is_read_exactly(value))
            values = [value if is_read_exactly(value) else 0 for value in values]
        is_mapped = self._fields.mapped.get(path)
        if is_mapped is None:
            is_mapped = self._fields.decide(path)
        if not is_mapped:
            self._add_tokens(escape_path(path) + NUL, kind, values)
            return
        self._paths.append(path)
        if kind is str:
            self._typed.append([f"{STRING_MARK}{value}" for value in values])
        elif kind is bool:
            self._typed.append(values)
        else:
            self._typed.append([value + 0.0 for value in values])

    def _add_tokens(self, start: str, kind: type, values: Sequence[Any]) -> None:
        if kind is str:
            self._tokens.append([f"{start}s{value}" for value in values])
        elif kind is bool:
            self._tokens.append([f"{start}b{value:d}" for value in values])
        else:
            self._tokens.append([f"{start}n{number_token(value + 0.0)}" for value in values])


_NUMBERS = frozenset({int, float})


def _are_read_exactly(kind: type, numbers: Sequence[Any]) -> bool:
    """Whether `is_read_exactly` holds for all, as far as extremes tell."""
    if not (is_read_exactly(min(numbers)) and is_read_exactly(max(numbers))):
        return False
    if kind is int:
        return True
    # NaN hides from comparisons, not from a sum.
    return max(map(len, map(repr, numbers))) <= SHORT_NUMBER and not math.isnan(sum(numbers))
