"""Cursors: an opaque signed text that carries a search and the place where its page ended.

Layout, base64url without padding: 16 bytes of HMAC-SHA256 over organisation and payload; the
payload. The payload is one fixed header, the id of the last record, and the stream and query,
compressed; where those would not fit, their digest stands for them and the caller keeps the text.
Organisation and key are part of what is signed: nobody can use a stranger's cursor.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct
import zlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.errors import Invalid
from app.core.ids import OrgId
from app.logstore.types import SortKey, TimeRange

MAX_CURSOR_CHARACTERS = 1_024
CURSOR_LIFETIME_SECONDS = 86_400
DIGEST_BYTES = 16

_VERSION = 2
# Of a version before receive times: its page had ended behind all records of one id.
_VERSION_WITHOUT_RECEIVE_TIME = 1
_MAC_BYTES = 16
_IS_DESCENDING = 1
_HAS_STREAM = 2
_IS_HELD = 4
# Version, flags, page size, expiry in seconds, now, from, to, timestamp of the last record, and
# the bytes of its id; then its receive time.
_HEADER = struct.Struct("<BBHIqqqqH")
_RECEIVE_TIME = struct.Struct("<q")
_EARLIEST_NS, _LATEST_NS = -(2**63), 2**63 - 1
_MAX_TEXT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class AskedText:
    """What was asked for in words: the query as it was sent, and the stream."""

    query: str
    stream: str | None

    def packed(self) -> bytes:
        """One text of both; the stream's name cannot hold a NUL."""
        return f"{self.stream or ''}\0{self.query}".encode("utf-8", "surrogatepass")

    def digest(self) -> bytes:
        """What stands for the text in a cursor that has no room for it."""
        return hashlib.blake2b(self.packed(), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place after the last record of a page.

    `asked` is the text itself, or the digest under which the caller keeps it. `now_ns` is what
    `now` meant on the first page, and means on all of them.
    """

    asked: AskedText | bytes
    is_descending: bool
    now_ns: int
    range: TimeRange
    page_size: int
    after: SortKey
    expires_at_s: int


def seal(cursor: Cursor, *, key: bytes, org_id: OrgId) -> tuple[str, bool]:
    """(text, is_held). `is_held`: what was asked is too long for MAX_CURSOR_CHARACTERS, only its
    digest is inside, and the caller keeps the rest until the cursor expires."""
    text = _sealed(cursor, key=key, org_id=org_id)
    if len(text) <= MAX_CURSOR_CHARACTERS or isinstance(cursor.asked, bytes):
        return text, isinstance(cursor.asked, bytes)
    return _sealed(replace(cursor, asked=cursor.asked.digest()), key=key, org_id=org_id), True


def open_cursor(text: str, *, keys: Sequence[bytes], org_id: OrgId, now_s: int) -> Cursor:
    """The cursor of a text; `Invalid` with code `cursor_invalid` or `cursor_expired`.

    One of `keys` must have sealed it (the newest first), for this organisation.
    """
    if len(text) > MAX_CURSOR_CHARACTERS:
        raise _invalid()
    try:
        sealed = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    mac, payload = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(key, org_id, payload)) for key in keys):
        raise _invalid()
    cursor = _unpack(payload)
    if cursor.expires_at_s < now_s:
        raise Invalid(
            "the cursor has expired, start again from the first page", code="cursor_expired"
        )
    return cursor


def _invalid() -> Invalid:
    return Invalid(
        "the cursor is not one of this organisation's, or it was changed", code="cursor_invalid"
    )


def _mac(key: bytes, org_id: OrgId, payload: bytes) -> bytes:
    return hmac.digest(key, org_id.bytes + payload, "sha256")[:_MAC_BYTES]


def _sealed(cursor: Cursor, *, key: bytes, org_id: OrgId) -> str:
    payload = _pack(cursor)
    return urlsafe_b64encode(_mac(key, org_id, payload) + payload).rstrip(b"=").decode()


def _pack(cursor: Cursor) -> bytes:
    record_id = cursor.after.id.encode("utf-8", "surrogatepass")
    flags = _IS_DESCENDING if cursor.is_descending else 0
    if isinstance(cursor.asked, bytes):
        flags |= _IS_HELD
        asked = cursor.asked
    else:
        flags |= _HAS_STREAM if cursor.asked.stream is not None else 0
        asked = zlib.compress(cursor.asked.packed(), 9, -zlib.MAX_WBITS)
    header = _HEADER.pack(
        _VERSION,
        flags,
        cursor.page_size,
        cursor.expires_at_s,
        cursor.now_ns,
        cursor.range.from_ns,
        cursor.range.to_ns,
        cursor.after.timestamp_ns,
        len(record_id),
    )
    return header + _RECEIVE_TIME.pack(cursor.after.observed_ns) + record_id + asked


def _unpack(payload: bytes) -> Cursor:
    """Reads what `_pack` made; the signature vouches for it, the version may be another's."""
    if payload[0] not in {_VERSION, _VERSION_WITHOUT_RECEIVE_TIME}:
        raise _invalid()
    _version, flags, page_size, expires_at_s, now_ns, from_ns, to_ns, timestamp_ns, id_bytes = (
        _HEADER.unpack_from(payload)
    )
    id_start = _HEADER.size
    observed_ns = _EARLIEST_NS if flags & _IS_DESCENDING else _LATEST_NS
    if payload[0] == _VERSION:
        (observed_ns,) = _RECEIVE_TIME.unpack_from(payload, id_start)
        id_start += _RECEIVE_TIME.size
    start = id_start + id_bytes
    record_id = payload[id_start:start].decode("utf-8", "surrogatepass")
    asked: AskedText | bytes
    if flags & _IS_HELD:
        asked = payload[start:]
    else:
        packed = zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload[start:], _MAX_TEXT_BYTES)
        stream, _, query = packed.decode("utf-8", "surrogatepass").partition("\0")
        asked = AskedText(query, stream if flags & _HAS_STREAM else None)
    return Cursor(
        asked=asked,
        is_descending=bool(flags & _IS_DESCENDING),
        now_ns=now_ns,
        range=TimeRange(from_ns, to_ns),
        page_size=page_size,
        after=SortKey(timestamp_ns, record_id, observed_ns),
        expires_at_s=expires_at_s,
    )
