"""Elasticsearch as a `LogWriter`."""

from __future__ import annotations

from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass

from app.core.errors import Broken, ElkError, Unavailable
from app.logstore.elastic import metrics
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.entry import Entry, where_known
from app.logstore.elastic.health import HeldMetrics, cluster_health, with_held
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.known import SentIds
from app.logstore.elastic.lanes import MAX_BYTES, Lanes
from app.logstore.elastic.outbox import Outbox
from app.logstore.elastic.positions import Positions
from app.logstore.elastic.shelf import AHEAD_NS, Shelf
from app.logstore.interface import FaultPoint, no_fault
from app.logstore.places import PlaceDirectory, all_shared
from app.logstore.types import AppendReport, Position, RoutedRecord, StoreHealth

_GAP = "records were let go: append again from the last trimmed position"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how much, how early.

    `patience_seconds`: how long a call waits for a cluster that is busy or away. `lane_bytes`: what
    is kept in memory for partitions that refuse. `ahead_ns`: so long before a period its indices are
    made.
    """

    patience_seconds: float = 5.0
    lane_bytes: int = MAX_BYTES
    ahead_ns: int = AHEAD_NS


DEFAULT_LIMITS = Limits()


class ElasticWriter:
    """Owned by one shipper; several, each with its own journal, may write at once.

    Records go out while more are appended, so large entries may be seen before their commit. After
    `Unavailable` from `commit` all that was not committed has been let go: entries are then taken
    again from the first that was lost on, and later ones refused until it has come. Those that
    Elasticsearch did take meet themselves there by their `_id`.
    """

    def __init__(
        self,
        location: Location,
        *,
        fault: FaultPoint = no_fault,
        places: PlaceDirectory = all_shared,
        holds_back: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`places`: where records belong. `holds_back`: the caller trims no entry from the position
        on that `commit` returns; without that promise a record in a lane makes `commit` unavailable,
        so that nothing is ever trimmed too early."""
        self._cluster = Cluster(location)
        self._fault = fault
        self._shelf = Shelf(self._cluster, places, ahead_ns=limits.ahead_ns)
        self._sent_ids = SentIds(self._cluster)
        self._outbox = Outbox(
            self._cluster,
            self._shelf,
            self._sent_ids,
            patience_seconds=limits.patience_seconds,
            lanes=Lanes(limits.lane_bytes),
        )
        self._positions = Positions(self._cluster)
        self._holds_back = holds_back
        self._held_metrics = HeldMetrics(self._cluster.prefix)
        # The numbers of each journal's entries that wait for a commit: the first and the last one.
        self._first_waiting: dict[str, int] = {}
        self._last_taken: dict[str, int] = {}
        self._first_lost: dict[str, int] = {}

    def expect(self, entries: Sequence[Sequence[RoutedRecord]]) -> None:
        """See `LogWriter`: asks for the sent ids of all of them."""
        if len(entries) < 2:
            return  # it is asked for when it is appended
        sent = [record for records in entries for record in records if record.is_sent]
        if not sent:
            return
        # Whoever appends them asks again, and is told.
        with suppress(Unavailable):
            self._sent_ids.foresee(where_known(self._shelf, sent))

    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        """See `LogWriter`."""
        first_lost = self._first_lost.get(position.journal)
        if first_lost is not None and position.number > first_lost:
            raise Unavailable(_GAP)
        if position.number <= self._positions.stored(position.journal):
            return AppendReport(stored=0, repeated=len(records))
        entry = Entry(self._shelf, self._sent_ids, position)
        try:
            report = entry.take(records)
        except Broken:
            # Some of its ids may be noted as waiting already.
            self._let_go()
            raise
        self._first_waiting.setdefault(position.journal, position.number)
        self._last_taken[position.journal] = position.number
        self._first_lost.pop(position.journal, None)
        try:
            self._outbox.add(entry, position)
        except ElkError:
            self._let_go()
            raise
        return report

    def commit(self) -> Position | None:
        """See `LogWriter`."""
        if self._first_lost:
            raise Unavailable(_GAP)
        self._fault("commit:before")
        try:
            self._outbox.flush()
            self._fault("commit:after_source")
            self._outbox.refresh()
            held = [
                first
                for journal, last in self._last_taken.items()
                if (first := self._reached(journal, last)) is not None
            ]
            self._show()
            self._check(held)
        except ElkError:
            self._let_go()
            raise
        self._fault("commit:after_index")
        self._first_waiting.clear()
        return min(held, default=None)

    def waiting(self, journal: str) -> Set[int]:
        """See `LogWriter`."""
        return self._outbox.held(journal)

    def let_go(self) -> None:
        """See `LogWriter`."""
        self._outbox.drop()
        self._first_waiting.clear()
        self._last_taken.clear()
        self._first_lost.clear()

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`. Merging is Elasticsearch's own business."""
        self._shelf.keep_up(now_ns, but=self._outbox.indices)

    def health(self) -> StoreHealth:
        """See `LogWriter`; a partition whose records wait in a lane is named as broken."""
        return with_held(
            cluster_health(self._cluster),
            self._cluster.prefix,
            self._outbox.refusing,
            full_budgets=self._shelf.full_budgets,
        )

    def close(self) -> None:
        """See `LogWriter`."""
        try:
            if not self._first_lost:
                self.commit()
        finally:
            self._outbox.close()
            self._cluster.close()

    def _reached(self, journal: str, last: int) -> Position | None:
        """Writes down how far a journal is stored; the first entry that is not, if there is one."""
        first_held = self._outbox.first_held(journal)
        self._positions.reached(journal, last if first_held is None else first_held.number - 1)
        return first_held

    def _show(self) -> None:
        self._held_metrics.show(self._outbox.refusing)
        metrics.FULL_BUDGETS.set(self._shelf.full_budgets)
        metrics.FULL_PARTITIONS.set(self._shelf.full_mappings)

    def _check(self, held: Sequence[Position]) -> None:
        if held and not self._holds_back:
            raise Unavailable("some partitions take no records")
        if self._outbox.has_let_go:
            raise Unavailable(f"a partition takes records again; {_GAP}")

    def _let_go(self) -> None:
        """Drops what was not committed, records in lanes too: they come again."""
        lost = dict(self._first_waiting)
        for journal in self._last_taken:
            held = self._outbox.first_held(journal)
            if held is not None:
                lost[journal] = min(held.number, lost.get(journal, held.number))
        for journal, number in lost.items():
            # What had been written down as stored before it failed is not taken again.
            stored = self._positions.stored(journal)
            first = max(stored + 1, min(number, self._first_lost.get(journal, number)))
            if first <= self._last_taken[journal]:
                self._first_lost[journal] = first
        self._first_waiting.clear()
        self._outbox.drop()
