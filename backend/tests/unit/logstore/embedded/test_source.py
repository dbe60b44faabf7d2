"""The source: rows by ordinal, whatever happens between two commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.logstore.embedded import source
from app.logstore.embedded.source import (
    BlockCache,
    Damaged,
    SourceReader,
    SourceWriter,
    file_of,
    pack_full_files,
    packed_file_of,
)


def rows(first: int, count: int) -> list[bytes]:
    return [f'["record {number}"]'.encode() for number in range(first, first + count)]


def write(directory: Path, committed: int, new: list[bytes]) -> None:
    writer = SourceWriter(directory, committed)
    for row in new:
        writer.append(row)
    writer.flush()
    writer.close()


def read(directory: Path, committed: int) -> list[bytes]:
    reader = SourceReader(directory, BlockCache(1 << 20))
    return [reader.row(ordinal, committed) for ordinal in range(committed)]


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 64 records in blocks of 8, so that tests see several."""
    monkeypatch.setattr(source, "FILE_RECORDS", 64)
    monkeypatch.setattr(source, "BLOCK_RECORDS", 8)
    monkeypatch.setattr(source, "_WORTH_PACKING", 4)


def test_rows_come_back_in_order_over_blocks_and_commits(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 300))
    write(tmp_path, 300, rows(300, 1))
    write(tmp_path, 301, rows(301, 200))
    assert read(tmp_path, 501) == rows(0, 501)


@pytest.mark.usefixtures("small_files")
def test_rows_come_back_over_files(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 60))
    write(tmp_path, 60, rows(60, 140))
    assert file_of(tmp_path, 199).name == "000003.zst"
    assert read(tmp_path, 200) == rows(0, 200)


def test_a_row_may_be_empty_but_is_still_one(tmp_path: Path) -> None:
    write(tmp_path, 0, [b"", b"a", b""])
    assert read(tmp_path, 3) == [b"", b"a", b""]


@pytest.mark.usefixtures("small_files")
def test_what_follows_the_last_commit_is_cut_off(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 10))
    write(tmp_path, 10, rows(1000, 100))  # flushed, but its commit never came
    write(tmp_path, 10, rows(10, 70))
    assert read(tmp_path, 80) == rows(0, 80)
    assert not file_of(tmp_path, 128).exists()


@pytest.mark.parametrize("cut", [1, 10, 25])
def test_a_torn_block_after_the_last_commit_is_cut_off(tmp_path: Path, cut: int) -> None:
    write(tmp_path, 0, rows(0, 10))
    committed = file_of(tmp_path, 0).stat().st_size
    write(tmp_path, 10, rows(1000, 50))
    with file_of(tmp_path, 0).open("r+b") as file:
        file.truncate(committed + cut)
    write(tmp_path, 10, rows(10, 5))
    assert read(tmp_path, 15) == rows(0, 15)


def test_a_reader_sees_what_is_appended_later(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 5))
    reader = SourceReader(tmp_path, BlockCache(1 << 20))
    assert reader.row(4, 5) == rows(4, 1)[0]
    write(tmp_path, 5, rows(5, 5))
    assert reader.row(9, 10) == rows(9, 1)[0]


def test_a_changed_byte_is_damage(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 100))
    data = bytearray(file_of(tmp_path, 0).read_bytes())
    data[40] ^= 1
    file_of(tmp_path, 0).write_bytes(data)
    with pytest.raises(Damaged):
        read(tmp_path, 100)


def test_a_lost_file_is_damage(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 100))
    file_of(tmp_path, 0).unlink()
    with pytest.raises(Damaged):
        read(tmp_path, 100)


@pytest.mark.usefixtures("small_files")
def test_packing_makes_full_blocks_and_changes_no_ordinal(tmp_path: Path) -> None:
    for number in range(70):
        write(tmp_path, number, rows(number, 1))
    before = file_of(tmp_path, 0).stat().st_size
    reader = SourceReader(tmp_path, BlockCache(1))
    assert reader.row(3, 70) == rows(3, 1)[0]
    pack_full_files(tmp_path, 70)
    assert packed_file_of(tmp_path, 0).stat().st_size < before
    assert not file_of(tmp_path, 0).exists()
    assert read(tmp_path, 70) == rows(0, 70)
    assert [reader.row(number, 70) for number in range(70)] == rows(0, 70)
    write(tmp_path, 70, rows(70, 60))
    assert read(tmp_path, 130) == rows(0, 130)


@pytest.mark.usefixtures("small_files")
def test_a_crash_while_packing_loses_nothing(tmp_path: Path) -> None:
    for number in range(64):
        write(tmp_path, number, rows(number, 1))

    def crash(_name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_full_files(tmp_path, 64, crash)
    assert read(tmp_path, 64) == rows(0, 64)
    pack_full_files(tmp_path, 64)
    assert read(tmp_path, 64) == rows(0, 64)


@pytest.mark.usefixtures("small_files")
def test_full_blocks_are_not_packed_again(tmp_path: Path) -> None:
    write(tmp_path, 0, rows(0, 64))
    pack_full_files(tmp_path, 64)
    assert file_of(tmp_path, 0).exists()


def test_the_cache_keeps_to_its_bound(tmp_path: Path) -> None:
    cache = BlockCache(1_000)
    for number in range(100):
        cache.put((tmp_path, number), [b"x" * 100])
    kept = [number for number in range(100) if cache.get((tmp_path, number))]
    assert kept == list(range(93, 100))
