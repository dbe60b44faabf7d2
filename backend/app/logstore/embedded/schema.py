"""The fields of a partition's index, how values become terms, and how an index is opened."""

from __future__ import annotations

import re
import struct
from hashlib import blake2b
from pathlib import Path

import tantivy

# Longer values are tokens of their hash in `rest` (architecture.md, "Typed fields, bounded").
MAX_VALUE_CHARACTERS = 8_191
EXACT = 2.0**53

KEYWORDS = ("stream", "level", "service", "host", "environment", "logger", "trace_id", "span_id")
# Without a column: nobody groups by them, and a column of ids costs as much as the index.
KEYWORDS_WITHOUT_COLUMN = frozenset({"trace_id", "span_id"})

# Marks a string in `attributes`: tantivy would turn text that looks like RFC 3339 into a date.
STRING_MARK = "="
NUL = "\0"
_ESCAPED = re.compile("\x01([\x01\x02])")
# Begins the `rest` path of a built-in keyword; an escaped attribute path never begins so.
KEYWORD_PATH = "\x01k"

# What a token in `tags` begins with: each field of its own would cost a byte of every record.
ORG_TAG = "o"
SENT_TAG = "c"
HAS_TAG = "h"
NOTE_TAG = "n"
STATE = NOTE_TAG + "state"
CATALOGUE = NOTE_TAG + "catalogue"


def build_schema() -> tantivy.Schema:
    """The schema of every partition."""
    builder = tantivy.SchemaBuilder()
    for name in ("ts", "ms", "observed", "level_number"):
        builder.add_integer_field(name, fast=True)
    builder.add_unsigned_field("ref", fast=True)
    builder.add_text_field("id", fast=True, tokenizer_name="raw", index_option="basic")
    for name in KEYWORDS:
        builder.add_text_field(
            name,
            fast=name not in KEYWORDS_WITHOUT_COLUMN,
            tokenizer_name="raw",
            index_option="basic",
        )
    for name in ("tags", "rest"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("message", tokenizer_name="words", index_option="position")
    builder.add_json_field(
        "attributes",
        fast=True,
        tokenizer_name="raw",
        index_option="basic",
        expand_dots_enabled=True,
    )
    # Only the few documents about the partition itself are kept in tantivy's document store.
    builder.add_bytes_field("note", stored=True)
    return builder.build()


SCHEMA = build_schema()


def open_index(directory: Path) -> tantivy.Index:
    """Opens the index in the directory, or makes one in an empty directory."""
    index = tantivy.Index(SCHEMA, str(directory))
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    index.register_tokenizer("words", words.filter(tantivy.Filter.lowercase()).build())
    index.config_reader("manual")
    return index


def escape_path(path: str) -> str:
    """The path as `rest` spells it: NUL ends it, so it must not contain one."""
    if "\x01" in path or NUL in path:
        return path.replace("\x01", "\x01\x01").replace(NUL, "\x01\x02")
    return path


def unescape_path(path: str) -> str:
    """The inverse of `escape_path`."""
    if "\x01" not in path:
        return path
    return _ESCAPED.sub(lambda match: NUL if match[1] == "\x02" else "\x01", path)


def number_token(number: float) -> str:
    """16 hex digits whose order is the order of doubles; -0.0 is 0.0."""
    (bits,) = struct.unpack(">q", struct.pack(">d", number + 0.0))
    ordered = bits + (1 << 63) if bits >= 0 else ~bits & ((1 << 63) - 1)
    return f"{ordered:016x}"


def number_of_token(token: str) -> float:
    """The inverse of `number_token`."""
    ordered = int(token, 16)
    bits = ordered - (1 << 63) if ordered >= 1 << 63 else ~ordered
    (number,) = struct.unpack(">d", struct.pack(">q", bits))
    return float(number)


def hash_token(text: str) -> str:
    """What stands in `rest` for a string of more than MAX_VALUE_CHARACTERS."""
    return "h" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def string_token(text: str) -> str:
    """What stands in `rest` for a string."""
    return "s" + text if len(text) <= MAX_VALUE_CHARACTERS else hash_token(text)
