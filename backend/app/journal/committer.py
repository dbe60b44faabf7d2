"""Group commit for an asyncio server: what waits is committed together, with one fsync."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from app.core.errors import Broken, ElkError, Full, Unavailable
from app.journal.envelope import Sealed, seal
from app.journal.journal import Journal

log = structlog.get_logger(__name__)

MAX_WAITING_BYTES = 256 << 20
# A group stays small enough that other processes get the write lock within milliseconds.
MAX_GROUP_BYTES = 8 << 20

Answer = asyncio.Future[int]


@dataclass(frozen=True, slots=True)
class _Waiting:
    payloads: Sequence[bytes]
    payload_bytes: int
    loop: asyncio.AbstractEventLoop
    answer: Answer


class GroupCommitter:
    """A thread that compresses and appends what callers hand in.

    `append` is for coroutines of any running loop. A request is durable when its future has a
    result; it raises `Full` (nothing of it stored) or `Unavailable`. A caller that goes away does
    not take its request back.
    """

    def __init__(self, journal: Journal, *, max_waiting_bytes: int = MAX_WAITING_BYTES) -> None:
        self._journal = journal
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="journal-committer", daemon=True)
        self._thread.start()

    async def append(self, payloads: Sequence[bytes]) -> int:
        """Keeps all or none of the payloads; returns the number of the last one."""
        return await self.submit(payloads)

    def submit(self, payloads: Sequence[bytes]) -> Answer:
        """Like `append`, as a future; call it on the loop that will await."""
        if not payloads:
            raise Broken("nothing to append")
        loop = asyncio.get_running_loop()
        payload_bytes = sum(map(len, payloads))
        waiting = _Waiting(payloads, payload_bytes, loop, loop.create_future())
        with self._changed:
            if self._is_closing:
                raise Unavailable("the journal is closing", code="journal_closed")
            if self._waiting and self._waiting_bytes + payload_bytes > self._max_waiting_bytes:
                raise Full(
                    f"more than {self._max_waiting_bytes} bytes wait for the journal",
                    code="journal_busy",
                    retry_after_seconds=1,
                )
            self._waiting.append(waiting)
            self._waiting_bytes += payload_bytes
            self._changed.notify()
        return waiting.answer

    def close(self) -> None:
        """Commits what waits, then ends the thread; the journal stays open."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._commit(group)

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        group_bytes = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            while self._waiting and group_bytes < MAX_GROUP_BYTES:
                waiting = self._waiting.popleft()
                group_bytes += waiting.payload_bytes
                group.append(waiting)
            self._waiting_bytes -= group_bytes
        return group

    def _commit(self, group: list[_Waiting]) -> None:
        outcomes: Sequence[int | Exception]
        try:
            sealed: list[list[Sealed]] = [
                [seal(payload) for payload in waiting.payloads] for waiting in group
            ]
            outcomes = self._journal.append_each(sealed)
        except ElkError as error:
            outcomes = [error] * len(group)
        except (
            Exception
        ) as error:  # the thread must outlive any failure, and each caller hear of it
            log.exception("journal_commit_failed")
            outcomes = [_broken(error)] * len(group)
        per_loop: dict[asyncio.AbstractEventLoop, list[tuple[Answer, int | Exception]]] = {}
        for waiting, outcome in zip(group, outcomes, strict=True):
            per_loop.setdefault(waiting.loop, []).append((waiting.answer, outcome))
        for loop, answers in per_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, answers)
            except RuntimeError:
                log.info("journal_caller_gone", answers=len(answers))


def _broken(error: Exception) -> Broken:
    broken = Broken("the journal failed")
    broken.__cause__ = error
    return broken


def _resolve(answers: list[tuple[Answer, int | Exception]]) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
