"""How partitions, fields and values are spelled in Elasticsearch."""

from __future__ import annotations

import math
import re
import struct
import sys
from functools import lru_cache
from hashlib import blake2b

from app.core.ids import OrgId
from app.logstore.partitions import Home, is_period, parse_group
from app.logstore.types import HIDDEN_STREAM_PREFIX
from app.query.complexity import MAX_COMPARED_BYTES

LARGEST_TERM_BYTES = 32_766  # of Lucene
# Longer strings are tokens of their hash in `rest`.
MAX_VALUE_CHARACTERS = 8_191
_MAX_TERM_BYTES = 32_000
# Prefixes and bounds may have 1,000: a path, and a hash or a number behind it.
_MAX_PATH_BYTES = MAX_COMPARED_BYTES
_MAX_FIELD_NAME = 256
EXACT = 2**53
LARGEST = sys.float_info.max

NUL = "\0"
# Begins the `rest` path of a built-in keyword; an escaped attribute path never begins so.
KEYWORD_PATH = "\x01k"
# Stands before the hash of what is too much of a path.
_LONG_PATH = "\x01h"

KEYWORDS = ("stream", "level", "service", "host", "environment", "logger", "trace_id", "span_id")

_ESCAPED = re.compile("\x01([\x01\x02])")
_INDEX = re.compile(r"(?P<group>\d+d-.+)-(?P<period>\d{4}-(?:\d\d-\d\d|w\d\d|\d\d))")
_PLAIN = re.compile(r"[^0-9A-Za-z_\-./@]")
_ODD = re.compile(rf"{_PLAIN.pattern}|\.(?=\.*\Z)")


def index_of(prefix: str, home: Home) -> str:
    """The name of a partition's index."""
    return f"{prefix}-{home.group}-{home.period}"


def home_of_index(prefix: str, name: str) -> Home | None:
    """The partition behind an index, or `None` for an index that is none of ours."""
    found = _INDEX.fullmatch(name.removeprefix(f"{prefix}-")) if name.startswith(prefix) else None
    if found is None or not is_period(found["period"]):
        return None
    group = parse_group(found["group"])
    return None if group is None else Home(group[0], group[1], found["period"])


def org_tag(org_id: OrgId, stream: str) -> str:
    """The term of an organisation; the records of its hidden streams have another one."""
    is_hidden = stream.startswith(HIDDEN_STREAM_PREFIX)
    return f"{org_id.hex}_" if is_hidden else org_id.hex


@lru_cache(maxsize=4_096)
def field_names(path: str) -> tuple[str, str, str] | None:
    """The fields of a path's strings, numbers and booleans; `None` if it has none.

    Odd characters are written as in URLs: a `*` would be a pattern, and dots at the end are lost.
    All other dots stay, so that a path's children are found by `fields_below`.
    """
    try:
        name = _ODD.sub(_percent, path) or "%"
    except UnicodeEncodeError:  # half a code point: such a record is refused as a whole
        return None
    if len(name) > _MAX_FIELD_NAME:
        return None
    return f"attr.s.{name}", f"attr.n.{name}", f"attr.b.{name}"


def fields_below(path: str) -> list[str]:
    """Patterns that match the fields of all paths that begin with this one and a dot."""
    below = f"{path}."
    if any("\ud800" <= character <= "\udfff" for character in below):
        return []
    spelled = {_PLAIN.sub(_percent, below), _ODD.sub(_percent, below)}
    return [f"attr.{kind}.{name}*" for kind in "snb" for name in sorted(spelled)]


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def token_path(path: str) -> str:
    """The path as `rest` spells it: NUL ends it, so it must not contain one."""
    if "\x01" in path or NUL in path:
        path = path.replace("\x01", "\x01\x01").replace(NUL, "\x01\x02")
    if len(path) * 4 <= _MAX_PATH_BYTES:
        return path
    spelled = path.encode("utf-8", "surrogatepass")
    if len(spelled) <= _MAX_PATH_BYTES:
        return path
    # As much as there is room for: what is above the path is found by what its token begins with.
    start = spelled[:_MAX_PATH_BYTES].decode("utf-8", "ignore")
    if (len(start) - len(start.rstrip("\x01"))) % 2:
        start = start[:-1]  # half of an escape
    return start + _LONG_PATH + _hash(path)


def path_of_token(token: str) -> str | None:
    """The inverse of `token_path`; `None` where only a hash is left of the path."""
    if "\x01" not in token:
        return token
    if _LONG_PATH in token.replace("\x01\x01", ""):
        return None
    return _ESCAPED.sub(lambda match: NUL if match[1] == "\x02" else "\x01", token)


def string_token(path: str, text: str) -> str:
    """The token in `rest` for a string; `path` is a `token_path`."""
    if len(text) <= MAX_VALUE_CHARACTERS and (
        (len(text) + len(path)) * 4 <= _MAX_TERM_BYTES
        or len(text.encode()) + len(path.encode()) <= _MAX_TERM_BYTES
    ):
        return f"{path}{NUL}s{text}"
    return f"{path}{NUL}h{_hash(text)}"


def keyword_token(name: str, text: str) -> str:
    """The token in `rest` for a built-in keyword that is too long for a field of its own."""
    return f"{KEYWORD_PATH}{name}{NUL}h{_hash(text)}"


def number_token(number: float) -> str:
    """16 hex digits whose order is the order of doubles; -0.0 is 0.0."""
    (bits,) = struct.unpack(">q", struct.pack(">d", number + 0.0))
    ordered = bits + (1 << 63) if bits >= 0 else ~bits & ((1 << 63) - 1)
    return f"{ordered:016x}"


def as_double(number: float) -> float:
    """The double nearest to a number, infinite beyond their range; zero has no sign."""
    if -LARGEST <= number <= LARGEST:
        return float(number) + 0.0
    return math.inf if number > 0 else -math.inf


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
