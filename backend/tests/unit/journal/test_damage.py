"""An entry that is not what was written neither blocks the others nor vanishes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.journal.envelope import Damaged, opened, seal, stored
from app.journal.journal import Journal

MEBIBYTE = 1 << 20


def key(number: int) -> bytes:
    return number.to_bytes(8, "big")


@pytest.mark.parametrize("payload", [b"", b"a", b"line\n" * 1000, os.urandom(5000)])
def test_an_envelope_gives_back_what_was_put_in(payload: bytes) -> None:
    data = stored(seal(payload), number=key(7), taken_ns=5)
    assert opened(memoryview(data), number=key(7)) == payload


def test_any_changed_bit_is_noticed() -> None:
    data = stored(seal(b"some payload, some more of it"), number=key(7), taken_ns=5)
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Damaged):
            opened(memoryview(changed), number=key(7))


def test_a_cut_entry_and_an_entry_under_another_number_are_noticed() -> None:
    data = stored(seal(b"some payload"), number=key(7), taken_ns=5)
    for length in range(len(data)):
        with pytest.raises(Damaged):
            opened(memoryview(data[:length]), number=key(7))
    with pytest.raises(Damaged):
        opened(memoryview(data), number=key(8))


def test_a_damaged_entry_is_set_aside_counted_and_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    spoiled = os.urandom(20_000)
    journal.append([b"first", spoiled, b"third"])
    live_bytes = journal.state().live_bytes
    journal.close()
    change_a_byte_of(tmp_path / "data.mdb", spoiled)

    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    assert journal.read(0, max_bytes=MEBIBYTE) == [(1, b"first"), (3, b"third")]
    state = journal.state()
    assert (state.entries, state.damaged, state.live_bytes) == (2, 1, live_bytes)
    assert journal.damaged_numbers() == [2]
    kept = journal.damaged_bytes(2)
    assert kept is not None
    assert spoiled[:9_000] in kept

    journal.trim(3)
    assert journal.state().entries == 0
    assert journal.damaged_numbers() == [2]
    journal.discard_damaged(2)
    journal.discard_damaged(2)
    state = journal.state()
    assert (state.damaged, state.live_bytes) == (0, 0)
    assert journal.append([b"fourth"]) == 4
    journal.close()


def test_an_entry_alone_that_is_damaged_lets_later_ones_through(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    spoiled = os.urandom(20_000)
    journal.append([spoiled])
    journal.close()
    change_a_byte_of(tmp_path / "data.mdb", spoiled)
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    assert journal.read(0, max_bytes=1) == []
    journal.append([b"second"])
    assert journal.read(0, max_bytes=1) == [(2, b"second")]
    journal.close()


def change_a_byte_of(file: Path, content: bytes) -> None:
    data = bytearray(file.read_bytes())
    place = data.index(content[:1000]) + 10_000
    data[place] ^= 0xFF
    file.write_bytes(data)
