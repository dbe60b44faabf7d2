"""Content encodings of a request body: gzip, deflate, zstd, several in one header, never a bomb."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

from app.core.errors import Invalid, TooLarge
from app.ingest.responses import UnsupportedMedia

ACCEPTED_ENCODINGS = "gzip, deflate, zstd"

_GZIP_WBITS = 31
_ZLIB_WBITS = 15
_RAW_WBITS = -15
_MAX_ENCODINGS = 3
# RFC 9659: what a decoder of the content encoding has to offer, and no more.
_ZSTD_WINDOW_BYTES = 8 << 20
_ZSTD_STEP_BYTES = 1024


def split_encodings(header: str) -> tuple[str, ...]:
    """The encodings of a `Content-Encoding` header in the order in which they were applied.

    Raises `UnsupportedMedia` for one that is not known, and for more than three.
    """
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


def _over(max_bytes: int) -> TooLarge:
    return TooLarge(f"a body may have {max_bytes} bytes when decoded", code="body_too_large")


def _broken(name: str, why: str) -> Invalid:
    return Invalid(f"the body is not {name}: {why}", code="invalid_encoding")


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    return _inflate(body, max_bytes, wbits=_GZIP_WBITS, name="gzip")


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    """RFC 9110 means zlib by it; many senders send raw deflate."""
    is_zlib = len(body) > 1 and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return _inflate(body, max_bytes, wbits=_ZLIB_WBITS if is_zlib else _RAW_WBITS, name="deflate")


def _inflate(body: bytes, max_bytes: int, *, wbits: int, name: str) -> bytes:
    """One or several streams one after the other, as `cat a.gz b.gz` makes them."""
    parts: list[bytes] = []
    room = max_bytes
    while body:
        inflater = zlib.decompressobj(wbits)
        try:
            part = inflater.decompress(body, room + 1)
        except zlib.error as error:
            raise _broken(name, str(error)) from error
        if len(part) > room:
            raise _over(max_bytes)
        if not inflater.eof:
            raise _broken(name, "it ends in the middle")
        parts.append(part)
        room -= len(part)
        body = inflater.unused_data
    return b"".join(parts)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    """One or several frames, fed in small steps: one step can hold a bomb of 32 MiB at most."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    view = memoryview(body)
    parts: list[bytes] = []
    frame, is_whole = decompressor.decompressobj(), True
    room, at = max_bytes, 0
    while at < len(view):
        step = view[at : at + _ZSTD_STEP_BYTES]
        try:
            part = frame.decompress(step)
        except zstandard.ZstdError as error:
            raise _broken("zstd", str(error)) from error
        room -= len(part)
        if room < 0:
            raise _over(max_bytes)
        parts.append(part)
        at += len(step)
        is_whole = frame.eof
        if frame.eof:
            at -= len(frame.unused_data)
            frame = decompressor.decompressobj()
    if not is_whole:
        raise _broken("zstd", "it ends in the middle")
    return b"".join(parts)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _undeflate,
    "zstd": _unzstd,
}
