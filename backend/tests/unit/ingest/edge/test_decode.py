"""Content encodings, and what is no encoding at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard

from app.core.errors import Invalid, TooLarge
from app.ingest.edge.decode import decode, split_encodings
from app.ingest.edge.responses import UnsupportedMedia

BODY = b'{"message":"one"}\n' * 500
ROOM = 1 << 20


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(body)


ENCODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zstd", zstandard.compress),
    ("zstd", zstd),
]
ids = ["gzip", "zlib", "raw", "zstd", "zstd-unsized"]


@pytest.mark.parametrize(("name", "encode"), ENCODERS, ids=ids)
def test_a_body_comes_out_as_it_went_in(name: str, encode: Callable[[bytes], bytes]) -> None:
    assert decode(encode(BODY), (name,), max_bytes=len(BODY)) == BODY


@pytest.mark.parametrize(("name", "encode"), ENCODERS, ids=ids)
def test_an_encoded_nothing_is_nothing(name: str, encode: Callable[[bytes], bytes]) -> None:
    assert decode(encode(b""), (name,), max_bytes=ROOM) == b""
    assert decode(b"", (name,), max_bytes=ROOM) == b""


@pytest.mark.parametrize(("name", "encode"), ENCODERS, ids=ids)
def test_a_body_over_the_limit_is_refused(name: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TooLarge, match=f"may have {len(BODY) - 1} bytes"):
        decode(encode(BODY), (name,), max_bytes=len(BODY) - 1)


@pytest.mark.parametrize(("name", "encode"), ENCODERS, ids=ids)
def test_a_bomb_is_refused_without_being_unpacked(
    name: str, encode: Callable[[bytes], bytes]
) -> None:
    bomb = encode(bytes(48 << 20))

    assert len(bomb) < ROOM
    with pytest.raises(TooLarge):
        decode(bomb, (name,), max_bytes=ROOM)


@pytest.mark.parametrize(("name", "encode"), ENCODERS, ids=ids)
def test_a_body_that_ends_in_the_middle_is_refused(
    name: str, encode: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(Invalid, match=f"the body is not {name}"):
        decode(encode(BODY)[:-3], (name,), max_bytes=ROOM)


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_a_body_that_was_never_encoded_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match=f"the body is not {name}"):
        decode(BODY, (name,), max_bytes=ROOM)


@pytest.mark.parametrize(("name", "encode"), ENCODERS[:1] + ENCODERS[3:], ids=["gzip", *ids[3:]])
def test_several_streams_in_a_row_are_one_body(name: str, encode: Callable[[bytes], bytes]) -> None:
    assert decode(encode(BODY) + encode(b"more"), (name,), max_bytes=ROOM) == BODY + b"more"


def test_several_streams_share_one_limit() -> None:
    with pytest.raises(TooLarge):
        decode(gzip.compress(BODY) * 3, ("gzip",), max_bytes=2 * len(BODY))


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_streams_without_end_are_refused(name: str) -> None:
    empty = {"gzip": gzip.compress(b""), "zstd": zstandard.compress(b"")}[name]

    assert decode(empty * 9_000, (name,), max_bytes=ROOM) == b""
    with pytest.raises(Invalid, match="more than 10000 streams"):
        decode(empty * 1_000_000, (name,), max_bytes=ROOM)


def test_encodings_are_undone_in_the_reverse_order() -> None:
    names = split_encodings("gzip, zstd")

    assert names == ("gzip", "zstd")
    assert decode(zstandard.compress(gzip.compress(BODY)), names, max_bytes=ROOM) == BODY


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", ()),
        ("identity", ()),
        ("GZIP", ("gzip",)),
        ("x-gzip", ("gzip",)),
        ("identity, deflate ,", ("deflate",)),
    ],
)
def test_names_of_encodings_are_read_kindly(header: str, names: tuple[str, ...]) -> None:
    assert split_encodings(header) == names


@pytest.mark.parametrize("header", ["br", "gzip, snappy", "gzip,gzip,gzip,gzip"])
def test_other_encodings_are_refused(header: str) -> None:
    with pytest.raises(UnsupportedMedia):
        split_encodings(header)


def test_a_window_larger_than_http_allows_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    body = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(64 << 20))

    with pytest.raises(Invalid, match="the body is not zstd"):
        decode(body, ("zstd",), max_bytes=1 << 30)
