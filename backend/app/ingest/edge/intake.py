"""The one way from decoded records into the journal, for every protocol that speaks HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import structlog

from app.core.clock import Clock
from app.core.errors import ElkError, Full, OverLimit, Unavailable
from app.core.ids import OrgId, uuid7_run
from app.ingest.edge.admission import BodyMemory, BodyShare, Limits, read_body
from app.ingest.edge.decode import decode, split_encodings
from app.ingest.edge.metrics import count_records
from app.ingest.edge.quotas import Quotas
from app.ingest.edge.requests import Headers
from app.ingest.edge.responses import Receive
from app.ingest.protocols.records import MIB, Records
from app.journal.batch import Batch, encode

log = structlog.get_logger(__name__)

T = TypeVar("T")

# A body up to this size is decoded and checked on the event loop: that takes a few milliseconds
# and a thread would compete for the interpreter all the same.
INLINE_BYTES = MIB
INLINE_ENCODED_BYTES = 32 * 1024
# One entry of the journal is read and shipped as a whole.
ENTRY_BYTES = 8 * MIB
INDEXED_POLL_SECONDS = 0.02


class JournalWriter(Protocol):
    """Keeps payloads, all or none; durable when it returns the number of the last one."""

    async def append(self, payloads: Sequence[bytes]) -> int: ...


ShippedNumber = Callable[[], int]
# A request as it is to be kept: one that was refused half way is recalled as it was then.
Recall = Callable[[Batch], Batch]


def as_it_came(batch: Batch) -> Batch:
    """Where nothing is refused half way."""
    return batch


# Raises for an organisation whose records are not let in.
Check = Callable[[OrgId], None]


def anybody(_org_id: OrgId) -> None:
    """Everybody's are."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose records are let in, and how many of them; without `quotas` any number."""

    quotas: Quotas | None = None
    check: Check = anybody


@dataclass(frozen=True, slots=True)
class Kept:
    """What is durable: the number of its last journal entry, and the first id of its run."""

    number: int | None  # None: there was nothing to keep
    first_id: int


class Intake:
    """Bodies in, journal entries out. For one event loop.

    `shipped_number` says up to which journal entry everything can be found by every process.
    """

    def __init__(
        self,
        journal: JournalWriter,
        shipped_number: ShippedNumber,
        limits: Limits,
        clock: Clock,
        terms: Terms | None = None,
        recall: Recall = as_it_came,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self._journal = journal
        self._shipped_number = shipped_number
        terms = terms or Terms()
        self._quotas, self._check = terms.quotas, terms.check
        self._recall = recall
        self._memory = BodyMemory(limits.held_bytes)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="ingest-decode")

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._quotas is not None:
            self._quotas.close()

    def share_of_memory(self, org_id: OrgId, network: str) -> AbstractContextManager[BodyShare]:
        """The memory for one request: hold it from the body to the answer. Whoever sends with many
        keys, or with one from many places, is one sender. `Unavailable` for an organisation of which
        nobody takes records now."""
        self._check(org_id)
        return self._memory.share(str(org_id), network)

    async def body(self, receive: Receive, headers: Headers, share: BodyShare) -> bytes:
        """The decoded body."""
        encodings = split_encodings(headers.get("content-encoding", ""))
        parts = await read_body(receive, headers, share, self.limits)
        # Copying a hundred megabytes takes long enough to be noticed by the other senders.
        sent = await self._run(partial(b"".join, parts), size=share.held)
        parts.clear()
        if not encodings:
            return sent
        decoded = await self._run(
            lambda: self._decode(sent, encodings), size=len(sent), inline=INLINE_ENCODED_BYTES
        )
        share.grow_to(len(sent) + len(decoded))
        return decoded

    def _decode(self, sent: bytes, encodings: tuple[str, ...]) -> bytes:
        return decode(sent, encodings, max_bytes=self.limits.body.body_bytes)

    async def parse(self, body: bytes, parse: Callable[[bytes], T]) -> T:
        """Runs a pure parser over a body, in a thread when it is a big one."""
        return await self._run(lambda: parse(body), size=len(body))

    async def keep(
        self,
        org_id: OrgId,
        records: Records,
        *,
        protocol: str,
        stream: str = "",
    ) -> Kept:
        """Makes records durable; `OverLimit` when the organisation's quota is used up or the
        journal has no room, nothing kept then."""
        now_ns = self.clock.now_ns()
        first_id = uuid7_run(now_ns // 1_000_000)
        if not records.lines:
            count_records(protocol, records, 0)
            return Kept(None, first_id)
        whole = Batch(
            org_id=org_id,
            received_ns=now_ns,
            first_id=first_id,
            protocol=protocol,
            lines=records.lines,
            stream=stream,
            ids=records.ids,
            indices=records.indices,
            bad=records.bad,
        )
        size = sum(map(len, records.lines))
        kept = await self._charged(org_id, whole, size)
        count_records(protocol, records, size)
        return kept

    async def _charged(self, org_id: OrgId, whole: Batch, size: int) -> Kept:
        if self._quotas is None:
            return await self._append(whole, size)
        charges = self._quotas.charges(org_id, records=len(whole.lines), size=size)
        if not charges:
            return await self._append(whole, size)
        await self._quotas.take(charges)
        try:
            return await self._append(whole, size)
        except ElkError:
            await self._quotas.give_back(charges)
            raise

    async def _append(self, sent: Batch, size: int) -> Kept:
        whole, payloads = await self._run(lambda: self._payloads(sent, size), size=size)
        try:
            return Kept(await self._journal.append(payloads), whole.first_id)
        except Full as full:
            raise OverLimit(
                full.detail, code=full.code, retry_after_seconds=full.retry_after_seconds or 1
            ) from full

    def _payloads(self, sent: Batch, size: int) -> tuple[Batch, list[bytes]]:
        whole = self._recall(sent)
        return whole, [encode(batch) for batch in in_pieces(whole, size)]

    async def wait_until_indexed(self, number: int) -> bool:
        """Whether everything up to a journal entry can be found; waits for it, but not for ever.

        Never raises: what is asked about is kept, and its sender must not send it again.
        """
        deadline = self.clock.monotonic() + self.limits.indexed_seconds
        try:
            while self._shipped_number() < number:
                if self.clock.monotonic() >= deadline:
                    return False
                await asyncio.sleep(INDEXED_POLL_SECONDS)
        except Unavailable as error:
            log.warning("shipped_number_unknown", error=str(error))
            return False
        return True

    async def _run(self, work: Callable[[], T], *, size: int, inline: int = INLINE_BYTES) -> T:
        if size <= inline:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def in_pieces(batch: Batch, size: int) -> list[Batch]:
    """A batch as several that fit an entry each, with the same ids."""
    if size <= ENTRY_BYTES:
        return [batch]
    pieces: list[Batch] = []
    start = held = 0
    for index, line in enumerate(batch.lines):
        if held and held + len(line) > ENTRY_BYTES:
            pieces.append(batch.part(start, index))
            start, held = index, 0
        held += len(line)
    pieces.append(batch.part(start, len(batch.lines)))
    return pieces
