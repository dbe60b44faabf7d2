"""The records of a partition as they were sent: append-only files of compressed blocks.

A record's place is its ordinal in the partition; `ref` in the index is nothing else. A file holds
FILE_RECORDS ordinals, a block at most BLOCK_RECORDS rows. Every commit ends a block, so a slow
partition has many small ones: once its file is full it is packed, that is written again in full
blocks under another name, with the same ordinals, so that the index need not know.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from zlib import crc32

import zstandard

from app.logstore.interface import FaultPoint, no_fault

BLOCK_RECORDS = 256
FILE_RECORDS = 262_144
_LEVEL = 3
# A full file is packed when its blocks hold fewer records than this on average.
_WORTH_PACKING = 128
_MAX_OPEN_FILES = 64

# CRC-32 of the payload, rows, bytes of the payload, ordinal of the first row.
_HEADER = struct.Struct("<IIIQ")


class Damaged(Exception):
    """A file is not what was written: the partition has to be set aside.

    `where` is the partition's name, added on the way up.
    """

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what)
        self.where = where


class Block(NamedTuple):
    """Where a block is: ordinals from `first`, payload at `offset` of its file."""

    first: int
    rows: int
    offset: int
    length: int
    checksum: int


def file_of(directory: Path, ordinal: int) -> Path:
    """The file that an ordinal is written to."""
    return directory / f"{ordinal // FILE_RECORDS:06d}.zst"


def packed_file_of(directory: Path, ordinal: int) -> Path:
    """The packed form of that file; where it is there it is the one to read."""
    return directory / f"{ordinal // FILE_RECORDS:06d}.packed.zst"


def encode_block(first: int, rows: Sequence[bytes], compressor: zstandard.ZstdCompressor) -> bytes:
    """A block of rows; no row contains a newline."""
    payload = compressor.compress(b"\n".join(rows))
    return _HEADER.pack(crc32(payload), len(rows), len(payload), first) + payload


def scan_blocks(descriptor: int, start: int, before: int) -> Iterator[Block]:
    """The blocks of a file from an offset on whose ordinals are below `before`."""
    size = os.fstat(descriptor).st_size
    while start + _HEADER.size <= size:
        header = os.pread(descriptor, _HEADER.size, start)
        checksum, rows, length, first = _HEADER.unpack(header)
        end = start + _HEADER.size + length
        if first >= before:
            return
        if end > size or not rows:
            raise Damaged("a block is cut short")
        yield Block(first, rows, start + _HEADER.size, length, checksum)
        start = end


def rows_of(descriptor: int, block: Block) -> list[bytes]:
    """A block's rows."""
    payload = os.pread(descriptor, block.length, block.offset)
    if crc32(payload) != block.checksum:
        raise Damaged("a block does not match its checksum")
    rows = zstandard.ZstdDecompressor().decompress(payload).split(b"\n")
    if len(rows) != block.rows:
        raise Damaged("a block has lost rows")
    return rows


class SourceWriter:
    """Appends rows; nothing is durable before `flush`."""

    def __init__(self, directory: Path, records: int) -> None:
        """`records`: how many were committed; whatever follows them is cut off."""
        self._directory = directory
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._rows: list[bytes] = []
        self._written = records
        directory.mkdir(exist_ok=True)
        _cut(directory, records)
        self._file = _opened(file_of(directory, records))

    @property
    def next_ordinal(self) -> int:
        """The ordinal of the next row."""
        return self._written + len(self._rows)

    def append(self, row: bytes) -> None:
        """Takes a row; its ordinal is what `next_ordinal` was."""
        self._rows.append(row)
        if len(self._rows) == BLOCK_RECORDS:
            self._write_block()

    def flush(self) -> None:
        """Makes every row durable."""
        while self._rows:
            self._write_block()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Lets go of the file; rows that were not flushed are dropped."""
        self._rows.clear()
        self._file.close()

    def _write_block(self) -> None:
        rows = self._rows
        room = FILE_RECORDS - self._written % FILE_RECORDS
        now, later = rows[:room], rows[room:]
        _write_all(self._file, encode_block(self._written, now, self._compressor))
        self._written += len(now)
        self._rows = later
        if self._written % FILE_RECORDS == 0:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = _opened(file_of(self._directory, self._written))


def _opened(path: Path) -> FileIO:
    # Without a buffer: closing must not write, for it must not fail when the disk is full.
    return FileIO(path, "a")


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _cut(directory: Path, records: int) -> None:
    """Removes what was written after the last commit."""
    last = file_of(directory, records)
    for file in directory.glob("*.zst"):
        if file.name > last.name and not file.name.startswith(last.stem):
            file.unlink()
    reached = records // FILE_RECORDS * FILE_RECORDS
    if last.exists():
        with last.open("r+b") as kept:
            end = 0
            for block in scan_blocks(kept.fileno(), 0, records):
                end = block.offset + block.length
                reached = block.first + block.rows
            if reached == records:
                kept.truncate(end)
    if reached != records:
        raise Damaged(f"{last.name} ends at record {reached} instead of {records}")


def pack_full_files(directory: Path, records: int, fault: FaultPoint = no_fault) -> None:
    """Rewrites full files of many small blocks; a crash in between changes nothing."""
    for number in range(records // FILE_RECORDS):
        plain = file_of(directory, number * FILE_RECORDS)
        packed = packed_file_of(directory, number * FILE_RECORDS)
        if packed.exists():
            plain.unlink(missing_ok=True)
        elif plain.exists():
            _pack(plain, packed, fault)


def _pack(plain: Path, packed: Path, fault: FaultPoint) -> None:
    draft = packed.with_suffix(".draft")
    with plain.open("rb") as old:
        blocks = list(scan_blocks(old.fileno(), 0, 2**63))
        if len(blocks) * _WORTH_PACKING <= FILE_RECORDS:
            return
        with draft.open("wb") as new:
            for block in _packed_blocks(old.fileno(), blocks):
                new.write(block)
            new.flush()
            os.fsync(new.fileno())
    fault("merge")
    draft.rename(packed)
    plain.unlink()


def _packed_blocks(descriptor: int, blocks: Sequence[Block]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    rows: list[bytes] = []
    first = blocks[0].first
    for block in blocks:
        rows += rows_of(descriptor, block)
        while len(rows) >= BLOCK_RECORDS:
            yield encode_block(first, rows[:BLOCK_RECORDS], compressor)
            first += BLOCK_RECORDS
            del rows[:BLOCK_RECORDS]
    if rows:
        yield encode_block(first, rows, compressor)


class _OpenFile:
    """One file with the places of the blocks seen so far.

    It is closed when nobody holds it any more: another thread may be reading while it is let go.
    """

    def __init__(self, path: Path) -> None:
        self._blocks: list[Block] = []
        self._firsts: list[int] = []
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def rows_of(self, block: Block) -> list[bytes]:
        return rows_of(self._descriptor, block)

    def learn(self, before: int) -> None:
        last = self._blocks[-1] if self._blocks else None
        start = last.offset + last.length if last else 0
        for block in scan_blocks(self._descriptor, start, before):
            self._blocks.append(block)
            self._firsts.append(block.first)

    def block_with(self, ordinal: int) -> Block | None:
        place = bisect_right(self._firsts, ordinal) - 1
        if place < 0:
            return None
        block = self._blocks[place]
        return block if ordinal < block.first + block.rows else None


# Whose block, and its first ordinal. Not the directory: a partition that was set aside and the one
# that took its place have the same.
CacheKey = tuple[object, int]


class BlockCache:
    """The rows of recently read blocks, of all partitions of a reader, bounded by bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[CacheKey, tuple[list[bytes], int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: CacheKey) -> list[bytes] | None:
        """The rows of a block, if they are here."""
        with self._lock:
            found = self._rows.get(key)
            if found is None:
                return None
            self._rows.move_to_end(key)
            return found[0]

    def put(self, key: CacheKey, rows: list[bytes]) -> None:
        """Keeps the rows of a block."""
        size = sum(map(len, rows)) + 33 * len(rows)
        with self._lock:
            if key in self._rows:
                return
            self._rows[key] = (rows, size)
            self._bytes += size
            while self._bytes > self._max_bytes and len(self._rows) > 1:
                _, (_, dropped) = self._rows.popitem(last=False)
                self._bytes -= dropped


class SourceReader:
    """Finds rows by ordinal; safe to use from several threads."""

    def __init__(self, directory: Path, cache: BlockCache) -> None:
        self._directory = directory
        self._cache = cache
        self._name = object()
        self._files: OrderedDict[int, _OpenFile] = OrderedDict()
        self._lock = Lock()

    def row(self, ordinal: int, committed: int) -> bytes:
        """The row with this ordinal; `committed` is how many the searcher's commit has."""
        with self._lock:
            file, block = self._find(ordinal, committed)
        key = (self._name, block.first)
        rows = self._cache.get(key)
        if rows is None or len(rows) != block.rows:
            rows = file.rows_of(block)
            self._cache.put(key, rows)
        return rows[ordinal - block.first]

    def _find(self, ordinal: int, committed: int) -> tuple[_OpenFile, Block]:
        number = ordinal // FILE_RECORDS
        file = self._files.get(number)
        if file is None:
            file = self._files[number] = self._open(ordinal)
            if len(self._files) > _MAX_OPEN_FILES:
                self._files.popitem(last=False)
        block = file.block_with(ordinal)
        if block is None:
            file.learn(committed)
            block = file.block_with(ordinal)
        if block is None:
            raise Damaged(f"record {ordinal} is missing")
        return file, block

    def _open(self, ordinal: int) -> _OpenFile:
        # A file may be packed between the two looks: then its new name is there at the third.
        packed, plain = packed_file_of(self._directory, ordinal), file_of(self._directory, ordinal)
        for path in (packed, plain, packed):
            try:
                return _OpenFile(path)
            except FileNotFoundError:
                continue
        raise Damaged(f"the file of record {ordinal} is missing")
