"""What one journal entry is on disk: compressed, and checked by two sums.

Layout: CRC-32 of everything else and of the entry's number (`<I`); version, length of the payload
and receive time (`<BIQ`); one zstd frame with its own content checksum. The number is part of the
sum, so that an entry found under another number is seen to be damaged.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from zlib import crc32

import zstandard

VERSION = 1
LEVEL = 1
_SUM = struct.Struct("<I")
_HEAD = struct.Struct("<BIQ")
_BODY_AT = _SUM.size + _HEAD.size
MAX_PAYLOAD_BYTES = 1 << 30


class Damaged(Exception):
    """The bytes are not what was written."""


class _Codecs(threading.local):
    """zstd contexts must not be shared between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()


_codecs = _Codecs()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A payload ready to be written: all work that needs no transaction is done."""

    payload_bytes: int
    compressed: bytes
    compressed_sum: int

    @property
    def stored_bytes(self) -> int:
        return _BODY_AT + len(self.compressed)


def seal(payload: bytes) -> Sealed:
    """Compresses and sums up; the GIL is free meanwhile."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a journal entry holds at most {MAX_PAYLOAD_BYTES} bytes")
    compressed = _codecs.compressor.compress(payload)
    return Sealed(len(payload), compressed, crc32(compressed))


def stored(sealed: Sealed, *, number: bytes, taken_ns: int) -> bytes:
    """The bytes of the entry with this number (its key)."""
    head = _HEAD.pack(VERSION, sealed.payload_bytes, taken_ns)
    total = crc32(number + head, sealed.compressed_sum)
    return b"".join((_SUM.pack(total), head, sealed.compressed))


def taken_ns_of(data: memoryview) -> int:
    """When the entry was taken, unchecked."""
    if len(data) < _BODY_AT:
        return 0
    taken_ns: int = _HEAD.unpack_from(data, _SUM.size)[2]
    return taken_ns


def opened(data: memoryview, *, number: bytes) -> bytes:
    """The payload of a stored entry; `Damaged` unless every bit is as written."""
    if len(data) <= _BODY_AT:
        raise Damaged("too short")
    head = data[_SUM.size : _BODY_AT]
    if crc32(number + bytes(head), crc32(data[_BODY_AT:])) != _SUM.unpack_from(data)[0]:
        raise Damaged("checksum differs")
    version, payload_bytes, _ = _HEAD.unpack(head)
    if version != VERSION:
        raise Damaged(f"version {version} is not known")
    try:
        payload: bytes = _codecs.decompressor.decompress(data[_BODY_AT:])
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error
    if len(payload) != payload_bytes:
        raise Damaged("length differs")
    return payload
