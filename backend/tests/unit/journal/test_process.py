"""One journal per process, opened on first use and again after fork."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Broken
from app.journal import process

MAX_BYTES = 1 << 20


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    process.close()
    yield
    process.close()


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    process.configure(tmp_path / "journal", max_bytes=MAX_BYTES)
    assert not (tmp_path / "journal").exists()
    assert process.journal() is process.journal()
    assert (tmp_path / "journal" / "data.mdb").exists()


def test_an_open_journal_cannot_be_moved(tmp_path: Path) -> None:
    process.configure(tmp_path, max_bytes=MAX_BYTES)
    process.journal()
    process.configure(tmp_path, max_bytes=MAX_BYTES)
    with pytest.raises(Broken):
        process.configure(tmp_path / "elsewhere", max_bytes=MAX_BYTES)


def test_there_is_one_committer(tmp_path: Path) -> None:
    process.configure(tmp_path, max_bytes=MAX_BYTES)
    assert process.committer() is process.committer()


def test_a_child_opens_its_own(tmp_path: Path) -> None:
    process.configure(tmp_path, max_bytes=MAX_BYTES)
    parents = process.journal()
    parents.append([b"parent"])
    child = os.fork()
    if child == 0:
        number = 99
        try:
            number = process.journal().append([b"child"])
        finally:
            os._exit(number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert [entry.payload for entry in parents.read(0, max_bytes=100)] == [b"parent", b"child"]
