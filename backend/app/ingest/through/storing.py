"""Without a journal: what is taken in goes straight into the store, and is answered for afterwards.

Requests that wait at the same time go together, so that a store that is asked by a thousand small
senders is asked once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Broken, ElkError, Full, Unavailable
from app.ingest.directory import StreamDirectory
from app.ingest.normalising.normalise import Normalised, normalise_or_keep
from app.ingest.normalising.quarantine import quarantined
from app.ingest.shipping import metrics
from app.ingest.shipping.observers import ObserverLane
from app.ingest.shipping.outcome import count_outcome, records_to_watch
from app.ingest.through.retried import RefusedRequests
from app.journal.batch import Batch, decode
from app.logstore.interface import DirectWriter, Observer
from app.logstore.types import AppendReport, RoutedRecord

log = structlog.get_logger(__name__)

MAX_WAITING_BYTES = 64 << 20
# So much goes to the store at once, and one request more.
MAX_GROUP_BYTES = 8 << 20
RETRY_AFTER_SECONDS = 5
# A sender hears within this time, whatever the store does.
ANSWER_SECONDS = 30.0
MAINTAIN_SECONDS = 60.0
OBSERVER_GOODBYE_SECONDS = 1.0

Answer = Future[int]


@dataclass(slots=True)
class _Entry:
    """One payload of a request on its way."""

    batch: Batch
    made: Normalised
    refused: list[RoutedRecord] = field(default_factory=list)


@dataclass(slots=True)
class _Request:
    payloads: Sequence[bytes]
    payload_bytes: int
    answer: Answer = field(default_factory=Future)
    entries: list[_Entry] = field(default_factory=list)
    error: Exception | None = None


class StoreThrough:
    """A thread that stores what it is given: a `Keeper`, and the edge's `JournalWriter`.

    A request is stored and found when it is answered; with `Unavailable` none of it is promised,
    and sent again it meets itself: by the ids that its records have, or because `recall` knows it.
    """

    def __init__(
        self,
        writer: DirectWriter,
        directory: StreamDirectory,
        *,
        observers: Sequence[Observer] = (),
        maintains: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`maintains`: nobody else creates the store's partitions ahead and expires them."""
        self._writer = writer
        self._directory = directory
        self._lanes = [ObserverLane(observer) for observer in observers]
        self._maintains = maintains
        self._clock = clock
        self._refused = RefusedRequests(clock)
        self._maintained = clock.monotonic()
        self._waiting: deque[_Request] = deque()
        self._waiting_bytes = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="store-through", daemon=True)
        self._thread.start()

    async def append(self, payloads: Sequence[bytes]) -> int:
        """For coroutines; see `keep`. A caller that goes away does not take its request back."""
        if not payloads:
            raise _nothing()
        try:
            return await self._answered(payloads)
        except ElkError:
            # Before the sender hears of it, who may be back at once.
            await asyncio.to_thread(self._remember, payloads)
            raise

    async def _answered(self, payloads: Sequence[bytes]) -> int:
        answer = asyncio.wrap_future(self._submit(payloads))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError:
            answer.add_done_callback(_retrieve)
            raise _too_slow() from None

    def recall(self, batch: Batch) -> Batch:
        """A request as it is to be appended: as it was, when it was refused before."""
        return self._refused.recall(batch)

    def keep(self, payloads: Sequence[bytes]) -> int:
        """See `Keeper`."""
        try:
            return self._submit(payloads).result(ANSWER_SECONDS)
        except FutureTimeoutError:
            raise _too_slow() from None

    def is_found(self, number: int) -> bool:
        """See `Keeper`: what was answered for is found."""
        return True

    def close(self) -> None:
        """Stores what waits, then ends the thread and closes the writer."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()
        for lane in self._lanes:
            lane.close(timeout_seconds=OBSERVER_GOODBYE_SECONDS)
        self._writer.close()

    def _remember(self, payloads: Sequence[bytes]) -> None:
        """The sender was refused, and some of this may be stored, now or in a moment."""
        self._refused.remember([decode(payload) for payload in payloads])

    def _submit(self, payloads: Sequence[bytes]) -> Answer:
        if not payloads:
            raise _nothing()
        request = _Request(payloads, sum(map(len, payloads)))
        with self._changed:
            if self._is_closing:
                raise Unavailable("this process ends", code="intake_ending")
            if self._waiting and self._waiting_bytes + request.payload_bytes > MAX_WAITING_BYTES:
                raise Full(
                    f"more than {MAX_WAITING_BYTES} bytes wait for the log store",
                    code="store_busy",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._waiting.append(request)
            self._waiting_bytes += request.payload_bytes
            self._changed.notify()
        return request.answer

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group:
                self._answer_for(group)
            elif self._is_closing:
                return
            self._look_after()

    def _next_group(self) -> list[_Request]:
        """What waits, as much as goes at once; empty at the end, and when it is time to look
        after the store."""
        group: list[_Request] = []
        group_bytes = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing, MAINTAIN_SECONDS)
            while self._waiting and group_bytes < MAX_GROUP_BYTES:
                request = self._waiting.popleft()
                group_bytes += request.payload_bytes
                group.append(request)
            self._waiting_bytes -= group_bytes
        return group

    def _answer_for(self, group: Sequence[_Request]) -> None:
        began = self._clock.monotonic()
        try:
            self._store(group)
        except Exception as error:  # the thread outlives any failure, and each caller hears of it
            if not isinstance(error, ElkError):
                log.exception("store_through_failed")
            for request in group:
                request.error = request.error or error
        for request in group:
            if request.error is not None:
                metrics.RETRIES.labels("through").inc()
                request.answer.set_exception(_as_told(request.error))
                continue
            metrics.BYTES_SHIPPED.inc(request.payload_bytes)
            request.answer.set_result(len(request.entries))
        metrics.COMMIT_SECONDS.observe(self._clock.monotonic() - began)

    def _store(self, group: Sequence[_Request]) -> None:
        for request in group:
            self._prepare(request)
        fit = [request for request in group if request.error is None]
        entries = [(request, entry) for request in fit for entry in request.entries]
        if not entries:
            return
        outcomes = self._writer.store([entry.made.records for _, entry in entries])
        stored: list[tuple[_Request, _Entry, AppendReport]] = []
        for (request, entry), outcome in zip(entries, outcomes, strict=True):
            if isinstance(outcome, Unavailable):
                request.error = request.error or outcome
                continue
            entry.refused = [
                quarantined(entry.batch, bad.index, reason=bad.code, detail=bad.detail)
                for bad in outcome.rejected
            ]
            stored.append((request, entry, outcome))
        self._store_refused([(request, entry) for request, entry, _ in stored if entry.refused])
        for request, entry, report in stored:
            if request.error is None:
                self._note(entry, report)

    def _prepare(self, request: _Request) -> None:
        try:
            for payload in request.payloads:
                batch = decode(payload)
                target = self._directory(batch.org_id, batch.stream)
                request.entries.append(_Entry(batch, normalise_or_keep(batch, target)))
        except ElkError as error:
            request.error = error
        except Exception as error:  # whoever waits beside it need not suffer
            log.exception("store_through_failed")
            request.error = error

    def _store_refused(self, entries: Sequence[tuple[_Request, _Entry]]) -> None:
        """What the store can never take as it is goes to quarantine."""
        if not entries:
            return
        outcomes = self._writer.store([entry.refused for _, entry in entries])
        for (request, _), outcome in zip(entries, outcomes, strict=True):
            if isinstance(outcome, Unavailable):
                request.error = request.error or outcome
            elif outcome.rejected:
                # Without a journal there is no place beside the store: the sender keeps it.
                request.error = Broken(f"not even as text: {outcome.rejected[0].detail}")

    def _note(self, entry: _Entry, report: AppendReport) -> None:
        org_id = entry.batch.org_id
        count_outcome(org_id, entry.made, report)
        if report.stored and any(lane.wants(org_id) for lane in self._lanes):
            records = records_to_watch(entry.made, report, entry.refused)
            for lane in self._lanes:
                lane.offer(records)

    def _look_after(self) -> None:
        now = self._clock.monotonic()
        if not self._maintains or now - self._maintained < MAINTAIN_SECONDS:
            return
        self._maintained = now
        try:
            self._writer.maintain(self._clock.now_ns())
        except ElkError as error:
            metrics.RETRIES.labels("maintain").inc()
            log.warning("store_maintain_failed", error=str(error))
        except Exception:  # the thread outlives any failure
            metrics.RETRIES.labels("maintain").inc()
            log.exception("store_maintain_failed")


def _as_told(error: Exception) -> ElkError:
    """A new error for each caller: a raised one carries its traceback along."""
    match error:
        case Unavailable():
            return Unavailable(
                error.detail,
                code="store_unavailable" if error.code == Unavailable.default_code else error.code,
                retry_after_seconds=error.retry_after_seconds or RETRY_AFTER_SECONDS,
            )
        case _:
            broken = Broken("the records cannot be stored")
            broken.__cause__ = error
            return broken


def _nothing() -> Broken:
    return Broken("nothing to store")


def _too_slow() -> Unavailable:
    return Unavailable(
        f"the log store did not answer in {ANSWER_SECONDS:g} s",
        code="store_unavailable",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _retrieve(answer: asyncio.Future[int]) -> None:
    if not answer.cancelled():
        answer.exception()
