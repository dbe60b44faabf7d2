"""Documents of many records at once: what `document_of` makes, column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from app.logstore.alike import Column, alike
from app.logstore.elastic.document import (
    NS_PER_MS,
    OPTIONAL,
    MappedFields,
    attributes_text,
    document_of,
)
from app.logstore.elastic.names import (
    EXACT,
    MAX_VALUE_CHARACTERS,
    NUL,
    number_token,
    token_path,
)
from app.logstore.types import HIDDEN_STREAM_PREFIX, RoutedRecord
from app.query.words import index_texts

# The JSON of a record, or why it has none.
Made = bytes | Exception


def documents_of(records: Sequence[RoutedRecord], fields: MappedFields) -> list[Made]:
    """The document of each record of one organisation, or what `document_of` raised."""
    made: list[Made | None] = [None] * len(records)
    for places, columns in alike([record.attributes for record in records]):
        together = _Together([records[place] for place in places], fields)
        for place, document in zip(places, together.documents(columns), strict=False):
            # Only in a text of this length can a value be too long for a field.
            if len(document) <= MAX_VALUE_CHARACTERS:
                made[place] = document
    return [
        _document(record, fields) if one is None else one
        for record, one in zip(records, made, strict=True)
    ]


def _document(record: RoutedRecord, fields: MappedFields) -> Made:
    try:
        return document_of(record, fields)
    except (TypeError, ValueError, RecursionError) as error:
        return error


class _Together:
    """Records whose attributes are alike. What is missing in some of them is null."""

    def __init__(self, records: Sequence[RoutedRecord], fields: MappedFields) -> None:
        self._records = records
        self._fields = fields
        self._names: list[str] = []
        self._columns: list[Sequence[Any]] = []
        self._tokens: list[Sequence[str]] = []
        self._extra: list[str] = []

    def documents(self, columns: Sequence[Column]) -> list[bytes]:
        """A document each, or none at all: then they have to be made one by one."""
        try:
            self._add_own()
            if not all(map(self._add_leaves, columns)):
                return []
            if self._tokens:
                self._add("rest", list(zip(*self._tokens, strict=True)))
                self._add("extra", [self._extra] * len(self._records))
            rows = map(_row_type(tuple(self._names)), *self._columns)
            return list(map(_ENCODER.encode, rows))
        except (TypeError, ValueError):
            # One of them cannot be written as it is.
            return []

    def _add(self, name: str, values: Sequence[Any]) -> None:
        self._names.append(name)
        self._columns.append(values)

    def _add_own(self) -> None:
        """What every record has."""
        by_name = dict(zip(RoutedRecord._fields, zip(*self._records, strict=True), strict=True))
        timestamps, messages = by_name["timestamp_ns"], by_name["message"]
        tags = {
            stream: self._fields.hidden_tag
            if stream.startswith(HIDDEN_STREAM_PREFIX)
            else self._fields.tag
            for stream in set(by_name["stream"])
        }
        self._add("org", [tags[stream] for stream in by_name["stream"]])
        self._add("ts", timestamps)
        self._add("ms", [timestamp // NS_PER_MS for timestamp in timestamps])
        self._add("observed", by_name["observed_ns"])
        self._add("id", by_name["id"])
        self._add("stream", by_name["stream"])
        self._add("message", messages)
        self._add("search_text", index_texts(messages))
        self._add("attributes", _texts(by_name["attributes"]))
        for name in OPTIONAL:
            values = by_name[name]
            if values[0] is not None or values.count(None) < len(values):
                self._add(name, values)
        if True in by_name["is_sent"]:
            pairs = zip(by_name["is_sent"], by_name["digest"], strict=True)
            self._add("digest", [digest.hex() if is_sent else None for is_sent, digest in pairs])

    def _add_leaves(self, column: Column) -> bool:
        """Adds the values to their field, or as tokens; whether a column tells what to do."""
        path, kind, values = column
        known = self._fields.names
        names = known[path] if path in known else self._fields.decide(path)
        if kind in _NUMBERS and not _are_exact(values):
            return False
        if names is None:
            self._add_tokens(token_path(path), kind, values)
            return True
        if kind is str:
            name = names[0]
        elif kind is bool:
            name = names[2]
        else:
            # Without a sign of zero: the two would be two values.
            name, values = names[1], [value + 0.0 for value in values]
        self._fields.use(name)
        self._add(name, values)
        return True

    def _add_tokens(self, spelled: str, kind: type, values: Sequence[Any]) -> None:
        start = f"{spelled}{NUL}"
        if kind is str:
            mark, tokens = "s", [f"{start}s{value}" for value in values]
        elif kind is bool:
            mark, tokens = "b", [f"{start}b{value:d}" for value in values]
        else:
            mark, tokens = "n", [f"{start}n{number_token(value)}" for value in values]
        self._tokens.append(tokens)
        self._extra.append(start + mark)


_ENCODER = msgspec.json.Encoder()


@lru_cache(maxsize=1_024)
def _row_type(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """A document with these fields. To make and to write one takes half as long as with a dict."""
    attributes = [f"_{place}" for place in range(len(names))]
    renamed = dict(zip(attributes, names, strict=True))
    return msgspec.defstruct("Document", attributes, rename=renamed, gc=False)


def _texts(attributes: Sequence[dict[str, Any]]) -> list[str]:
    """`attributes_text` of each."""
    try:
        return list(map(bytes.decode, map(orjson.dumps, attributes)))
    except TypeError:
        return list(map(attributes_text, attributes))


_NUMBERS = frozenset({int, float})


def _are_exact(numbers: Sequence[float]) -> bool:
    """Whether all are numbers that a double holds, and no integer is too large for one."""
    # NaN hides from comparisons, not from a sum.
    return min(numbers) >= -EXACT and max(numbers) <= EXACT and not math.isnan(sum(numbers))
