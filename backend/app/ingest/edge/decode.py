"""Content encodings of a request body: gzip, deflate, zstd, several in one header, never a bomb."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

import zstandard

from app.core.errors import Invalid, TooLarge
from app.ingest.edge.responses import UnsupportedMedia

ACCEPTED_ENCODINGS = "gzip, deflate, zstd"

_GZIP_WBITS = 31
_ZLIB_WBITS = 15
_RAW_WBITS = -15
_MAX_ENCODINGS = 3
# RFC 9659: what a decoder of the content encoding has to offer, and no more.
_ZSTD_WINDOW_BYTES = 8 << 20
# A step of zstd may hold a bomb of 32 MiB; of zlib, which stops when told, it may be larger.
_ZSTD_STEP_BYTES = 1024
_ZLIB_STEP_BYTES = 64 * 1024
_MAX_STREAMS = 10_000


def split_encodings(header: str) -> tuple[str, ...]:
    """The encodings of a `Content-Encoding` header in the order in which they were applied.

    Raises `UnsupportedMedia` for one that is not known, and for more than three.
    """
    if not header:
        return ()
    names = tuple(name.strip().lower().removeprefix("x-") for name in header.split(","))
    names = tuple(name for name in names if name and name != "identity")
    for name in names:
        if name not in _DECODERS:
            raise UnsupportedMedia(
                f"the content encoding {name[:40]!r} is not supported: use {ACCEPTED_ENCODINGS}",
                code="unsupported_encoding",
                headers={"Accept-Encoding": ACCEPTED_ENCODINGS},
            )
    if len(names) > _MAX_ENCODINGS:
        raise UnsupportedMedia(
            f"a body may be encoded {_MAX_ENCODINGS} times", code="unsupported_encoding"
        )
    return names


def decode(body: bytes, encodings: tuple[str, ...], *, max_bytes: int) -> bytes:
    """The body as it was before it was encoded.

    No step yields more than `max_bytes`: `TooLarge` beyond; `Invalid` where it cannot be read.
    """
    for name in reversed(encodings):
        body = _DECODERS[name](body, max_bytes) if body else body
    return body


def _broken(name: str, why: str) -> Invalid:
    return Invalid(f"the body is not {name}: {why}", code="invalid_encoding")


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    return _inflate(body, max_bytes, wbits=_GZIP_WBITS, name="gzip")


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    """RFC 9110 means zlib by it; many senders send raw deflate."""
    is_zlib = len(body) > 1 and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return _inflate(body, max_bytes, wbits=_ZLIB_WBITS if is_zlib else _RAW_WBITS, name="deflate")


class _Step(NamedTuple):
    """What one step of a decoder gave: bytes, whether its stream ended, and what it did not use."""

    part: bytes
    is_end: bool
    unused_bytes: int


Feed = Callable[[memoryview, int], _Step]


def _inflate(body: bytes, max_bytes: int, *, wbits: int, name: str) -> bytes:
    def start() -> Feed:
        inflater = zlib.decompressobj(wbits)

        def feed(piece: memoryview, room: int) -> _Step:
            # One byte more than there is room for shows that there is not enough.
            part = inflater.decompress(piece, room + 1)
            return _Step(part, inflater.eof, len(inflater.unused_data))

        return feed

    return _decode_streams(body, max_bytes, name=name, start=start, step_bytes=_ZLIB_STEP_BYTES)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)

    def start() -> Feed:
        frame = decompressor.decompressobj()

        def feed(piece: memoryview, _room: int) -> _Step:
            return _Step(frame.decompress(piece), frame.eof, len(frame.unused_data))

        return feed

    return _decode_streams(body, max_bytes, name="zstd", start=start, step_bytes=_ZSTD_STEP_BYTES)


def _decode_streams(
    body: bytes, max_bytes: int, *, name: str, start: Callable[[], Feed], step_bytes: int
) -> bytes:
    """One or several streams one after the other, as `cat a.gz b.gz` makes them."""
    view = memoryview(body)
    parts: list[bytes] = []
    room, at, streams = max_bytes, 0, 1
    feed, is_whole = start(), False
    while at < len(view):
        piece = view[at : at + step_bytes]
        try:
            part, is_whole, unused_bytes = feed(piece, room)
        except (zlib.error, zstandard.ZstdError) as error:
            raise _broken(name, str(error)) from error
        room -= len(part)
        if room < 0:
            raise TooLarge(f"a body may have {max_bytes} bytes when decoded", code="body_too_large")
        parts.append(part)
        at += len(piece) - unused_bytes
        if is_whole:
            streams += 1
            feed = start()
        if streams > _MAX_STREAMS:
            raise _broken(name, f"it has more than {_MAX_STREAMS} streams")
    if not is_whole:
        raise _broken(name, "it ends in the middle")
    return b"".join(parts)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _undeflate,
    "zstd": _unzstd,
}
