"""The embedded store's `LogWriter`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from app.core.errors import Unavailable
from app.logstore.embedded.entry import Entry
from app.logstore.embedded.open_writers import OpenWriters
from app.logstore.embedded.shelf import (
    broken_in,
    expired_broken,
    finish_replacing,
    homes_in,
)
from app.logstore.embedded.source import Damaged
from app.logstore.embedded.writing import PartitionWriter
from app.logstore.interface import FaultPoint, no_fault
from app.logstore.partitions import expires_ns
from app.logstore.places import PlaceDirectory, all_shared
from app.logstore.types import AppendReport, Position, RoutedRecord, StoreHealth

_GAP = "records were let go: append again from the last trimmed position"


class EmbeddedWriter:
    """Owned by the one shipper.

    After `Unavailable` all that was not committed has been let go. Entries are then taken again
    from the first that was lost on; later ones, and `commit`, are refused with `Unavailable` until
    it has come, so that nothing is ever left out in between.
    """

    def __init__(
        self, location: Path, *, fault: FaultPoint = no_fault, places: PlaceDirectory = all_shared
    ) -> None:
        """`places`: where records belong."""
        self._location = location
        self._fault = fault
        # A move of records that was killed may have left a partition under another name.
        finish_replacing(location)
        self._writers = OpenWriters(location, places, fault)
        # The number of the first entry of each journal that waits for a commit, or was let go.
        self._first_waiting: dict[str, int] = {}
        self._first_lost: dict[str, int] = {}

    def expect(self, entries: Sequence[Sequence[RoutedRecord]]) -> None:
        """See `LogWriter`: nothing is far to look up here."""

    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        """See `LogWriter`."""
        first_lost = self._first_lost.get(position.journal)
        if first_lost is not None and position.number > first_lost:
            raise Unavailable(_GAP)
        self._close_idle()
        self._first_waiting.setdefault(position.journal, position.number)
        try:
            report = Entry(self._writers, position).take(records)
        except (Unavailable, Damaged) as error:
            self._let_go(error)
            raise Unavailable("the log store could not take records") from error
        self._first_lost.pop(position.journal, None)
        return report

    def commit(self) -> None:
        """See `LogWriter`."""
        if self._first_lost:
            raise Unavailable(_GAP)
        self._fault("commit:before")
        self._commit(self._writers)
        self._first_waiting.clear()

    def waiting(self, _journal: str) -> Set[int]:
        """See `LogWriter`: no partition refuses alone."""
        return frozenset()

    def let_go(self) -> None:
        """See `LogWriter`."""
        self._first_waiting, self._first_lost = {}, {}
        self._writers.drop()

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`. Partitions need no creating ahead, and merge by themselves."""
        for home in list(homes_in(self._location)):
            if now_ns >= expires_ns(home):
                self._writers.remove(home)
        for directory in list(expired_broken(self._location, now_ns)):
            shutil.rmtree(directory, ignore_errors=True)
        try:
            for partition in self._writers:
                partition.pack()
        except Damaged as error:
            self._let_go(error)
            raise Unavailable("the log store set a broken partition aside") from error

    def health(self) -> StoreHealth:
        """See `LogWriter`."""
        broken = tuple(broken_in(self._location))
        return StoreHealth("degraded" if broken else "up", "tantivy", broken=broken)

    def close(self) -> None:
        """See `LogWriter`."""
        try:
            if not self._first_lost:
                self.commit()
        finally:
            self._writers.drop()

    def _close_idle(self) -> None:
        """Commits and closes what is too much; never in the middle of an entry."""
        for partition in self._writers.idle():
            self._commit([partition])
            partition.close()

    def _commit(self, partitions: Iterable[PartitionWriter]) -> None:
        try:
            for partition in partitions:
                partition.commit()
        except (Unavailable, Damaged) as error:
            self._let_go(error)
            raise Unavailable("the log store could not commit") from error

    def _let_go(self, error: Exception) -> None:
        """Drops what was not committed; a damaged partition is set aside."""
        for journal, number in self._first_waiting.items():
            self._first_lost[journal] = min(number, self._first_lost.get(journal, number))
        self._first_waiting = {}
        self._writers.drop()
        if isinstance(error, Damaged):
            self._writers.set_aside(error.where)
