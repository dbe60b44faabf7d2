"""Callers of one loop share commits; each hears of its own request."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from app.core.errors import Broken, Full, Unavailable
from app.journal.committer import GroupCommitter
from app.journal.journal import Journal

MEBIBYTE = 1 << 20


def test_everybody_gets_the_number_of_the_own_last_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    committer = GroupCommitter(journal)

    async def send(name: int) -> int:
        return await committer.append([b"%d" % name, b"last of %d" % name])

    async def many() -> list[int]:
        return await asyncio.gather(*(send(name) for name in range(100)))

    numbers = asyncio.run(many())
    entries = dict(journal.read(0, max_bytes=MEBIBYTE))
    assert len(entries) == 200
    assert [entries[number] for number in numbers] == [b"last of %d" % n for n in range(100)]
    committer.close()


def test_a_request_without_room_fails_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=MEBIBYTE)
    committer = GroupCommitter(journal)

    async def three() -> list[int | BaseException]:
        payloads = [b"a", os.urandom(2 * MEBIBYTE), b"b"]
        waiting = [committer.submit([payload]) for payload in payloads]
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, refused, last = asyncio.run(three())
    assert (first, last) == (1, 2)
    assert isinstance(refused, Full)
    committer.close()


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=64 * MEBIBYTE)
    committer = GroupCommitter(journal, max_waiting_bytes=MEBIBYTE)

    async def flood() -> tuple[int, int]:
        kept = []
        refused = 0
        # Held, so that nothing leaves the queue while it is filled.
        with journal._storage.writing():
            for _ in range(40):
                try:
                    kept.append(committer.submit([bytes(MEBIBYTE // 4)]))
                except Full as error:
                    refused += error.code == "journal_busy"
                await asyncio.sleep(0)
        await asyncio.gather(*kept)
        return len(kept), refused

    kept, refused = asyncio.run(flood())
    assert refused
    assert journal.state().entries == kept
    committer.close()


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    committer = GroupCommitter(journal, max_waiting_bytes=10)

    async def send() -> int:
        return await committer.append([b"x" * 1000])

    assert asyncio.run(send()) == 1
    committer.close()


def test_closing_commits_what_waits_and_then_refuses(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    committer = GroupCommitter(journal)

    async def close_while_waiting() -> list[int]:
        waiting = [committer.submit([b"x"]) for _ in range(10)]
        committer.close()
        with pytest.raises(Unavailable):
            committer.submit([b"too late"])
        return await asyncio.gather(*waiting)

    assert asyncio.run(close_while_waiting()) == list(range(1, 11))


def test_a_caller_that_goes_away_does_not_stop_the_others(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    committer = GroupCommitter(journal)

    async def leave() -> None:
        committer.submit([b"left"]).cancel()

    async def stay() -> int:
        return await committer.append([b"stayed"])

    asyncio.run(leave())
    assert asyncio.run(stay()) == 2
    committer.close()


def test_an_unusable_journal_is_told_to_every_caller_and_the_thread_lives_on(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path, max_bytes=8 * MEBIBYTE)
    committer = GroupCommitter(journal)
    journal.close()

    async def send() -> list[BaseException | int]:
        waiting = [committer.submit([b"x"]) for _ in range(3)]
        return await asyncio.gather(*waiting, return_exceptions=True)

    for _ in range(2):
        assert [type(answer) for answer in asyncio.run(send())] == [Unavailable] * 3
    committer.close()


def test_submitting_nothing_is_our_own_mistake(tmp_path: Path) -> None:
    committer = GroupCommitter(Journal(tmp_path, max_bytes=MEBIBYTE))

    async def nothing() -> int:
        return await committer.append([])

    with pytest.raises(Broken):
        asyncio.run(nothing())
    committer.close()
