"""A record as Elasticsearch's document and back: the hot path of the shipper."""

from __future__ import annotations

import json
import math
import re
from base64 import urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Protocol

import orjson

from app.core.ids import OrgId
from app.logstore.elastic.names import (
    EXACT,
    KEYWORDS,
    LARGEST,
    MAX_VALUE_CHARACTERS,
    NUL,
    as_double,
    keyword_token,
    number_token,
    string_token,
    token_path,
)
from app.logstore.schema import Leaf, leaves_of
from app.logstore.types import HIDDEN_STREAM_PREFIX, RoutedRecord, StoredRecord
from app.query.filters import Scalar
from app.query.words import index_text

NS_PER_MS = 1_000_000
OPTIONAL = (
    "level",
    "level_number",
    "service",
    "host",
    "environment",
    "logger",
    "trace_id",
    "span_id",
)
_FIRST_OPTIONAL = RoutedRecord._fields.index(OPTIONAL[0])
_END_OPTIONAL = _FIRST_OPTIONAL + len(OPTIONAL)
_MADE = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# Begins attributes that orjson cannot write, or not read back as they were.
_SLOW = "!"


class MappedFields(Protocol):
    """What a partition knows about one organisation's attribute fields."""

    tag: str  # the term of its records
    hidden_tag: str  # of those in hidden streams
    # Path to the fields of its strings, numbers and booleans; `None`: it is not mapped.
    names: dict[str, tuple[str, str, str] | None]

    def decide(self, path: str) -> tuple[str, str, str] | None:
        """The fields of a path that was never met, if it is mapped."""
        ...

    def use(self, name: str) -> None:
        """A record has a value in this field: it has to be in the mapping."""
        ...


def document_of(record: RoutedRecord, fields: MappedFields) -> bytes:
    """The JSON of a record. Raises `ValueError` or `TypeError` for what no JSON can say."""
    leaves, cut = leaves_of(record.attributes)
    timestamp, stream = record.timestamp_ns, record.stream
    document: dict[str, Any] = {
        "org": fields.hidden_tag if stream.startswith(HIDDEN_STREAM_PREFIX) else fields.tag,
        "ts": timestamp,
        "ms": timestamp // NS_PER_MS,
        "observed": record.observed_ns,
        "id": record.id,
        "stream": stream,
        "message": record.message,
        "search_text": index_text(record.message),
        "attributes": attributes_text(record.attributes),
    }
    optional = zip(OPTIONAL, record[_FIRST_OPTIONAL:_END_OPTIONAL], strict=True)
    document.update({name: value for name, value in optional if value is not None})
    rest: list[str] = []
    _add_leaves(document, leaves, fields, rest)
    _add_long_keywords(document, rest)
    if rest:
        document["rest"] = rest
        document["extra"] = _extra(rest)
    if cut:
        document["cut"] = cut
    if record.is_sent:
        document["digest"] = record.digest.hex()
    return orjson.dumps(document)


def attributes_text(attributes: dict[str, Any]) -> str:
    """What `attributes_of` reads."""
    try:
        return orjson.dumps(attributes).decode()
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, very deep nesting
        return _SLOW + json.dumps(attributes, allow_nan=False)


def _add_leaves(
    document: dict[str, Any], leaves: list[Leaf], fields: MappedFields, rest: list[str]
) -> None:
    """Adds the values of mapped fields to the document, tokens for all others to `rest`."""
    known = fields.names
    for path, value in leaves:
        names = known[path] if path in known else fields.decide(path)
        if names is None:
            _add_tokens(path, value, rest)
            continue
        held: Scalar
        if isinstance(value, str):
            name, held = names[0], value
            is_held = len(value) <= MAX_VALUE_CHARACTERS
        elif isinstance(value, bool):
            name, held, is_held = names[2], value, True
        else:
            is_held = -LARGEST <= value <= LARGEST
            # Without a sign of zero: the two would be two values.
            name, held = names[1], value + 0.0 if is_held else value
            if is_held and not -EXACT <= value <= EXACT:
                rest.append(f"{token_path(path)}{NUL}i{int(value)}")
        if not is_held:
            _add_tokens(path, value, rest)
        elif name not in document:
            document[name] = held
            fields.use(name)
        else:
            _add_another(document, name, held)


def _add_another(document: dict[str, Any], name: str, value: Scalar) -> None:
    there = document[name]
    if type(there) is list:
        there.append(value)
    else:
        document[name] = [there, value]


def _add_tokens(path: str, value: Scalar, rest: list[str]) -> None:
    """Adds the tokens that stand for a value outside of fields."""
    spelled = token_path(path)
    if isinstance(value, str):
        rest.append(string_token(spelled, value))
    elif isinstance(value, bool):
        rest.append(f"{spelled}{NUL}b{int(value)}")
    else:
        if value in {math.inf, -math.inf} or value != value:
            raise ValueError("a number that JSON does not know")
        if not -EXACT <= value <= EXACT:
            rest.append(f"{spelled}{NUL}i{int(value)}")
        rest.append(f"{spelled}{NUL}n{number_token(as_double(value))}")


def _add_long_keywords(document: dict[str, Any], rest: list[str]) -> None:
    for name in KEYWORDS:
        value = document.get(name)
        if value is not None and len(value) > MAX_VALUE_CHARACTERS:
            rest.append(keyword_token(name, value))
            document.setdefault("long", {})[name] = document.pop(name)


def _extra(rest: list[str]) -> list[str]:
    """path␀kind of the tokens; hashes stand for strings, exact integers beside a number."""
    found: dict[str, None] = {}
    for token in rest:
        end = token.index(NUL) + 1
        kind = token[end]
        if kind != "i":
            found[token[:end] + ("s" if kind == "h" else kind)] = None
    return list(found)


def made_key(record_id: str) -> str:
    """The `_id` of a record whose id is a UUIDv7 of ours."""
    made = bytes.fromhex(record_id.replace("-", ""))
    return "s" + b2a_base64(made, newline=False).translate(_URL_SAFE, b"=").decode()


def sent_key(org_id: OrgId, record_id: str) -> str:
    """The `_id` of a record that came with an id: no organisation's can meet another's."""
    name = b"\0".join((org_id.bytes, record_id.encode("utf-8", "surrogatepass")))
    return "c" + urlsafe_b64encode(blake2b(name, digest_size=20).digest()).decode().rstrip("=")


def key_of(record: RoutedRecord) -> str:
    """The `_id` of a record."""
    if not record.is_sent and is_made(record.id):
        return made_key(record.id)
    return sent_key(record.org_id, record.id)


def keys_of(records: Sequence[RoutedRecord]) -> list[str]:
    """`key_of` many records."""
    ids = [record.id for record in records]
    if any(record.is_sent for record in records) or not _are_made(ids):
        return [key_of(record) for record in records]
    # Two bytes more make 18 of each id, whose base 64 ends with the id's.
    made = bytes.fromhex("0000".join(ids).replace("-", "") + "0000")
    text = b2a_base64(made, newline=False).translate(_URL_SAFE).decode()
    return [f"s{text[start : start + 22]}" for start in range(0, len(text), 24)]


def _are_made(record_ids: Sequence[str]) -> bool:
    """`is_made` of all."""
    together = "".join(record_ids)
    if set(map(len, record_ids)) != {36} or not together.isascii():
        return False
    dashes = {together[place::36] for place in (8, 13, 18, 23)}
    digits = together.replace("-", "")
    return (
        dashes == {"-" * len(record_ids)}
        and len(digits) == 32 * len(record_ids)
        and not digits.encode().translate(None, b"0123456789abcdef")
        and set(together[14::36]) == {"7"}
        and set(together[19::36]) <= set("89ab")
    )


def is_made(record_id: str) -> bool:
    """Whether the id may be one of ours: the text of a UUIDv7."""
    return _MADE.fullmatch(record_id) is not None


def stored_record(source: dict[str, Any]) -> StoredRecord:
    """The record of a document's `_source`."""
    if "long" in source:
        source = {**source, **source["long"]}
    get = source.get
    text: str = source["attributes"]
    return StoredRecord(
        id=source["id"],
        timestamp_ns=source["ts"],
        observed_ns=source["observed"],
        message=source["message"],
        level=get("level"),
        level_number=get("level_number"),
        service=get("service"),
        host=get("host"),
        environment=get("environment"),
        logger=get("logger"),
        trace_id=get("trace_id"),
        span_id=get("span_id"),
        stream=source["stream"],
        attributes=attributes_of(text),
        not_indexed=tuple(get("cut", ())),
    )


def attributes_of(text: str) -> dict[str, Any]:
    """The attributes that `attributes` holds as JSON."""
    found: dict[str, Any]
    found = json.loads(text[1:]) if text.startswith(_SLOW) else orjson.loads(text)
    return found
