"""From the journal into the store: read, normalise, append, commit, trim; over and over.

What was appended but not committed is shipped again after a crash, from the last trimmed entry; the
store knows by the position what it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import ElkError, Unavailable
from app.ingest.directory import StreamDirectory
from app.ingest.normalising.quarantine import quarantined
from app.ingest.normalising.unexpected import described
from app.ingest.shipping import metrics
from app.ingest.shipping.backoff import Backoff
from app.ingest.shipping.decisions import Decisions
from app.ingest.shipping.holding import Holding
from app.ingest.shipping.isolating import Isolating, Step
from app.ingest.shipping.observers import ObserverLane
from app.ingest.shipping.outcome import count_outcome, records_to_watch
from app.ingest.shipping.pace import Pace, Waiting
from app.ingest.shipping.prefetch import Prefetch
from app.ingest.shipping.preparing import Prepared, Preparing
from app.ingest.shipping.saying import Saying
from app.ingest.shipping.stopping import NAP_SECONDS, Stop
from app.ingest.shipping.suspects import Suspects, Suspicion
from app.journal.journal import Entry, Journal
from app.journal.status import HOLDING_BACK, ISOLATING
from app.logstore.interface import FaultPoint, LogWriter, Observer, no_fault
from app.logstore.types import AppendReport, Position, RoutedRecord

log = structlog.get_logger(__name__)

T = TypeVar("T")

OBSERVER_GOODBYE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the shipper joins: where records come from, go to, and who is told."""

    journal: Journal
    writer: LogWriter
    directory: StreamDirectory
    observers: Sequence[Observer] = ()
    fault: FaultPoint = no_fault


class Shipper:
    """Owns the writer while `run` runs: one thread appends and commits, another reads ahead."""

    def __init__(
        self, parts: Parts, *, pace: Pace | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._journal = parts.journal
        self._writer = parts.writer
        self._decisions = Decisions(
            parts.directory,
            parts.journal.directory,
            last_number=parts.journal.state().last_number,
            clock=clock,
        )
        self._suspects = Suspects(parts.journal.directory)
        self._holding = Holding(parts.journal)
        self._isolating = Isolating(parts.journal, self._suspects)
        self._preparing = Preparing(parts.journal, self._decisions, self._suspects)
        self._lanes = [ObserverLane(observer) for observer in parts.observers]
        self._fault = parts.fault
        self._pace = pace or Pace()
        self._clock = clock
        self._backoff = Backoff()
        self._waiting = Waiting()
        # The first entry that the store could not take whole.
        self._held: int | None = None
        self._committed = 0
        self._commit_began = -math.inf
        self._maintained = clock.monotonic()
        self._saying = Saying(parts.journal, clock)
        self._said = 0.0

    def run(self, stop: Stop) -> None:
        """Ships until asked to stop, then commits what is appended. Does not close the writer."""
        log.info("shipper_started", journal=self._journal.id)
        last_words = None
        try:
            while not stop.is_asked:
                try:
                    self._ship(stop)
                except Unavailable as error:
                    self._failed(error, "ship", stop)
                except Exception as error:
                    if not self._suspect(error, stop):
                        raise
        except Exception as error:
            last_words = repr(error)
            raise
        finally:
            for lane in self._lanes:
                lane.close(timeout_seconds=OBSERVER_GOODBYE_SECONDS)
            self._suspects.close()
            self._saying.say(state="stopped", error=last_words)
        log.info("shipper_stopped", shipped=self._journal.state().shipped_number)

    def _ship(self, stop: Stop) -> None:
        """Ships until asked to stop, from the last trimmed entry on."""
        # Whatever is not committed is read again; what was set aside meanwhile is not waited for.
        self._waiting = Waiting()
        self._writer.let_go()
        state = self._journal.state()
        after = state.shipped_number
        # What a commit held back before has been let go of with whatever failed since.
        self._held = None
        self._committed = after
        self._holding.begin(state.last_number)
        # A kill may have cut the last trim short.
        self._trim(after, frozenset())
        try:
            suspicion = self._suspects.careful
            if suspicion is not None:
                self._ship_ahead(after, stop, through=suspicion.first - 1)
                if stop.is_asked or not self._ship_in_portions(suspicion, stop):
                    return
                after = max(after, suspicion.last)
            self._ship_ahead(after, stop)
        except Unavailable:
            # Reading begins again behind the last trim: what is appended must not come twice.
            if self._waiting.entries:
                self._commit()
            raise

    def _ship_ahead(self, after: int, stop: Stop, *, through: int | None = None) -> None:
        """Ships the entries behind this one: for ever, or until the last of them is committed."""
        prefetch = Prefetch(self._journal, self._preparing, after=after, through=through)
        try:
            while not stop.is_asked and not prefetch.is_done:
                taken = self._read(lambda: prefetch.take(timeout_seconds=NAP_SECONDS))
                for group in _alone_or_together(taken):
                    self._append_together(group, stop)
                if self._has_work() and self._is_commit_due(is_idle=not taken):
                    with prefetch.running_ahead():
                        self._commit()
                self._look_after()
        finally:
            prefetch.close()
        if self._has_work():
            self._commit()

    def _read(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception:
            # Whatever it is, it is not about what is appended.
            if self._waiting.entries:
                self._commit()
            raise

    def _ship_in_portions(self, suspicion: Suspicion, stop: Stop) -> bool:
        """Ships the entries of which one may be what the shipper fails on, a few for each commit;
        whether that went well. `False`: everything begins again, or a stop is asked for."""
        after = suspicion.first - 1
        while not stop.is_asked and (entry := self._entry_behind(after, suspicion.last)):
            self._suspects.working(entry.number, entry.number)
            step = self._isolating.step(entry, suspicion)
            if step is not None:
                if step is not Step.PUT_BACK:
                    self._backoff.reset()
                self._suspects.spare()
                return False
            after = entry.number
            prepared = self._read(partial(self._preparing, entry))
            if prepared is not None:
                self._append(prepared, stop)
            if self._waiting.entries >= suspicion.portion:
                self._commit()
            self._look_after()
        if self._waiting.entries:
            self._commit()
        if stop.is_asked:
            return False
        self._suspects.acquit()
        return True

    def _entry_behind(self, after: int, last: int) -> Entry | None:
        """The next entry, unless it is behind the last one that is wanted."""
        found = self._journal.read(after, max_bytes=1)
        return found[0] if found and found[0].number <= last else None

    def _suspect(self, error: Exception, stop: Stop) -> bool:
        """Begins again after a failure that nobody foresaw, with an eye on what was worked on;
        `False` when that was nothing."""
        why = described(error)
        suspicion = self._suspects.failed(why)
        if suspicion is None and not isinstance(error, ElkError):
            return False
        if suspicion is None:
            self._failed(error, "ship", stop)
            return True
        if suspicion.failures == 1:
            log.error("shipper_failed_unexpectedly", exc_info=error)
        self._pause("ship", why, stop, state=ISOLATING)
        return True

    def _has_work(self) -> bool:
        """Whether a commit would do something: also try again what was held back."""
        return self._waiting.entries > 0 or self._held is not None

    def _append_together(self, group: Sequence[Prepared], stop: Stop) -> None:
        """Appends what the store may look up together; what has failed before is committed alone."""
        is_alone = group[0].batch.again is not None
        if is_alone and self._waiting.entries:
            self._commit()
        self._suspects.working(group[0].number, group[-1].number)
        self._writer.expect([one.made.records for one in group])
        for prepared in group:
            self._append(prepared, stop)
        if is_alone:
            self._commit()

    def _append(self, prepared: Prepared, stop: Stop) -> None:
        report = self._append_patiently(prepared, stop)
        refused = [
            quarantined(prepared.batch, bad.index, reason=bad.code, detail=bad.detail)
            for bad in report.rejected
        ]
        if refused:
            again = self._append_refused(prepared, refused)
            if again.rejected:
                # Not even its text can be stored: the whole entry stays beside the journal.
                self._set_aside_patiently(prepared.number, again.rejected[0].detail, stop)
                metrics.ENTRIES_SET_ASIDE.inc()
        self._fault("ship:after_append")
        self._holding.note(prepared.number, prepared.batch.org_id)
        self._waiting.add(prepared, self._clock.now_ns())
        org_id = prepared.batch.org_id
        if report.stored and any(lane.wants(org_id) for lane in self._lanes):
            self._waiting.kept.append(records_to_watch(prepared.made, report, refused))
        count_outcome(org_id, prepared.made, report)

    def _append_patiently(self, prepared: Prepared, stop: Stop) -> AppendReport:
        """Tries as often as the store says that it cannot now; `Unavailable` only at a stop."""
        position = Position(self._journal.id, prepared.number)
        while True:
            # A failure in between may have spared it.
            self._suspects.working(prepared.number, prepared.number)
            try:
                report = self._writer.append(prepared.made.records, position=position)
            except Unavailable as error:
                # Entries before this one need not wait for it. Where one of them is held the store may
                # have let go of that too: its commit says so, and everything begins again.
                if self._has_work():
                    self._commit()
                self._failed(error, "append", stop)
                if stop.is_asked:
                    raise
            else:
                return report

    def _append_refused(self, prepared: Prepared, refused: list[RoutedRecord]) -> AppendReport:
        """Appends the other half of an entry. Where that fails the first half may be gone with it,
        so that everything begins again behind the last trim."""
        position = Position(self._journal.id, prepared.number)
        try:
            return self._writer.append(refused, position=position)
        except Unavailable:
            self._waiting = Waiting()
            raise

    def _set_aside_patiently(self, number: int, reason: str, stop: Stop) -> None:
        """Tries as often as the journal says that it cannot now: the other half of the entry is
        appended, and appended again it would count as stored whole."""
        while True:
            try:
                self._journal.set_aside(number, reason)
            except Unavailable as error:
                self._failed(error, "set_aside", stop)
                if stop.is_asked:
                    raise
            else:
                return

    def _is_commit_due(self, *, is_idle: bool) -> bool:
        return self._pace.is_commit_due(
            self._waiting,
            seconds=self._clock.monotonic() - self._commit_began,
            is_last=lambda: (
                is_idle and self._journal.state().last_number == self._waiting.last_number
            ),
        )

    def _commit(self) -> None:
        # When the commit fails nothing waits: reading begins again behind the last trim.
        waiting, self._waiting = self._waiting, Waiting()
        self._commit_began = began = self._clock.monotonic()
        held = self._writer.commit()
        metrics.COMMIT_SECONDS.observe(self._clock.monotonic() - began)
        self._fault("ship:after_commit")
        if waiting.entries:
            self._suspects.passed(waiting.last_number)
            self._backoff.reset()
        for lane in self._lanes:
            for records in waiting.kept:
                lane.offer(records)
        self._fault("ship:before_trim")
        self._committed = max(self._committed, waiting.last_number)
        self._held = None if held is None else held.number
        kept = frozenset() if held is None else self._writer.waiting(self._journal.id)
        self._trim(self._committed, kept)
        self._fault("ship:after_trim")
        metrics.BYTES_SHIPPED.inc(waiting.payload_bytes)
        self._saying.committed(self._state(is_held=held is not None))
        if held is not None:
            # What waits where, and since when: nobody else knows.
            self._saying.say(error=self._writer.health().detail)

    def _state(self, *, is_held: bool) -> str:
        if is_held:
            return HOLDING_BACK
        return "running" if self._suspects.careful is None else ISOLATING

    def _trim(self, through: int, kept: Set[int]) -> None:
        try:
            self._decisions.forget(self._holding.trim(through, kept))
        except ElkError as error:
            # The next trim takes these too, and a second shipping finds them stored.
            metrics.RETRIES.labels("trim").inc()
            log.warning("shipper_trim_failed", error=str(error))

    def _look_after(self) -> None:
        now = self._clock.monotonic()
        if now - self._said >= self._pace.status_seconds:
            self._said = now
            self._saying.say()
        if now - self._maintained >= self._pace.maintain_seconds:
            self._maintained = now
            try:
                self._writer.maintain(self._clock.now_ns())
            except Unavailable as error:
                metrics.RETRIES.labels("maintain").inc()
                log.warning("shipper_maintain_failed", error=str(error))

    def _failed(self, error: Exception, step: str, stop: Stop) -> None:
        self._suspects.spare()
        self._pause(step, str(error), stop, state="retrying")

    def _pause(self, step: str, why: str, stop: Stop, *, state: str) -> None:
        delay = self._backoff.next_seconds()
        metrics.RETRIES.labels(step).inc()
        log.warning("shipper_retrying", step=step, error=why, seconds=round(delay, 3))
        self._saying.say(state=state, error=f"{step}: {why}")
        stop.sleep(delay)


def _alone_or_together(taken: Sequence[Prepared]) -> Iterator[Sequence[Prepared]]:
    """What is shipped for the first time in runs, all else by itself."""
    start = 0
    for place, prepared in enumerate(taken):
        if prepared.batch.again is not None:
            if start < place:
                yield taken[start:place]
            yield taken[place : place + 1]
            start = place + 1
    if start < len(taken):
        yield taken[start:]
