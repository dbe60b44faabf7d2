"""The embedded store's `LogWriter`: routes records to partitions, and knows sent ids."""

from __future__ import annotations

import shutil
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.logstore.embedded.shelf import broken_in, directory_of, homes_in, set_aside
from app.logstore.embedded.source import BlockCache, Damaged
from app.logstore.embedded.writing import PartitionWriter, Sent
from app.logstore.identity import REMEMBERED_NS, renamed
from app.logstore.interface import FaultPoint, no_fault
from app.logstore.partitions import Home, expires_ns, home_of, previous, remembers_previous
from app.logstore.types import (
    AppendReport,
    Position,
    Rejected,
    RoutedRecord,
    StoreHealth,
)

MAX_OPEN = 32
_CACHE_BYTES = 16 << 20


class EmbeddedWriter:
    """Owned by the one shipper. After `Unavailable` what was not committed has been let go.

    Then entries are taken again from the first that was lost on; later ones are refused with
    `Unavailable` until it has come, so that nothing is left out in between.
    """

    def __init__(
        self, location: Path, *, fault: FaultPoint = no_fault, own: Collection[OrgId] = ()
    ) -> None:
        self._location = location
        self._fault = fault
        self._own = frozenset(own)
        self._cache = BlockCache(_CACHE_BYTES)
        self._open: OrderedDict[Home, PartitionWriter] = OrderedDict()
        self._first_waiting: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        location.mkdir(parents=True, exist_ok=True)

    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        """See `LogWriter`."""
        self._refuse_after_a_gap(position)
        self._make_room()
        self._first_waiting.setdefault(position.journal, position.number)
        try:
            return _Entry(self, position).take(records)
        except (Unavailable, Damaged) as error:
            self._let_go(error)
            raise Unavailable("the log store could not take records") from error

    def commit(self) -> None:
        """See `LogWriter`."""
        if self._lost:
            raise Unavailable("records were let go: append again from the last trimmed position")
        self._fault("commit:before")
        self._commit(self._open.values())
        self._first_waiting.clear()

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`."""
        for home in list(homes_in(self._location)):
            if now_ns >= expires_ns(home):
                self._remove(home)
        for partition in self._open.values():
            partition.pack()

    def health(self) -> StoreHealth:
        """See `LogWriter`."""
        broken = tuple(broken_in(self._location))
        return StoreHealth("degraded" if broken else "up", "tantivy", broken=broken)

    def close(self) -> None:
        """See `LogWriter`."""
        try:
            if not self._lost:
                self.commit()
        finally:
            self._drop_all()

    def home_of(self, record: RoutedRecord) -> Home:
        """The partition of a record."""
        return home_of(record.org_id, record.retention_class, record.observed_ns, own=self._own)

    def partition(self, home: Home) -> PartitionWriter:
        """The partition, opened."""
        partition = self._open.get(home)
        if partition is None:
            partition = self._open[home] = self._opened(home)
        self._open.move_to_end(home)
        return partition

    def partition_for(self, home: Home, position: Position) -> PartitionWriter | None:
        """The partition, or `None` if it has this entry's records already."""
        partition = self.partition(home)
        return None if partition.has(position) else partition

    def known(self, home: Home, key: str, observed_ns: int) -> Sent | None:
        """What is known of a sent id, if it is remembered still."""
        places = [home]
        if remembers_previous(home, observed_ns):
            before = previous(home)
            if before in self._open or directory_of(self._location, before).is_dir():
                places.append(before)
        for place in places:
            sent = self.partition(place).find_sent(key)
            if sent is not None and observed_ns - sent[1] <= REMEMBERED_NS:
                return sent
        return None

    def _remove(self, home: Home) -> None:
        partition = self._open.pop(home, None)
        if partition is not None:
            partition.close()
        shutil.rmtree(directory_of(self._location, home), ignore_errors=True)

    def _opened(self, home: Home) -> PartitionWriter:
        directory = directory_of(self._location, home)
        try:
            return PartitionWriter(directory, home, self._cache, self._fault)
        except Damaged:
            set_aside(self._location, home)
            return PartitionWriter(directory, home, self._cache, self._fault)

    def _make_room(self) -> None:
        """Commits and closes what was used least recently; never in the middle of an entry."""
        while len(self._open) > MAX_OPEN:
            _, idle = self._open.popitem(last=False)
            self._commit([idle])
            idle.close()

    def _commit(self, partitions: Iterable[PartitionWriter]) -> None:
        try:
            for partition in partitions:
                partition.commit()
        except (Unavailable, Damaged) as error:
            self._let_go(error)
            raise Unavailable("the log store could not commit") from error

    def _refuse_after_a_gap(self, position: Position) -> None:
        first_lost = self._lost.get(position.journal)
        if first_lost is not None and position.number > first_lost:
            raise Unavailable("records were let go: append again from the last trimmed position")
        self._lost.pop(position.journal, None)

    def _let_go(self, error: Exception) -> None:
        """Drops what was not committed; a damaged partition is set aside."""
        self._lost = self._first_waiting
        self._first_waiting = {}
        self._drop_all()
        if isinstance(error, Damaged):
            for home in list(homes_in(self._location)):
                if home.name == error.where:
                    set_aside(self._location, home)

    def _drop_all(self) -> None:
        while self._open:
            _, partition = self._open.popitem()
            partition.close()


class _Entry:
    """One journal entry on its way in."""

    def __init__(self, writer: EmbeddedWriter, position: Position) -> None:
        self._writer = writer
        self._position = position
        # Where its records go; `None` where they were committed before.
        self._partitions: dict[Home, PartitionWriter | None] = {}

    def take(self, records: Sequence[RoutedRecord]) -> AppendReport:
        """Takes what is new; a record that cannot be written is reported."""
        rejected: list[Rejected] = []
        repeated = 0
        last: tuple[int, int] | None = None
        home: Home | None = None
        for index, record in enumerate(records):
            if home is None or last != (record.retention_class, record.observed_ns):
                home = self._writer.home_of(record)
                last = record.retention_class, record.observed_ns
            try:
                repeated += not self._take(record, home)
            except (TypeError, ValueError, RecursionError) as error:
                rejected.append(Rejected(index, "not_storable", str(error)))
        for partition in self._partitions.values():
            if partition is not None:
                partition.reached(self._position)
        return AppendReport(len(records) - repeated - len(rejected), repeated, tuple(rejected))

    def _take(self, record: RoutedRecord, home: Home) -> bool:
        """Whether the record was new."""
        if home in self._partitions:
            partition = self._partitions[home]
        else:
            partition = self._partitions[home] = self._writer.partition_for(home, self._position)
        if partition is None:
            return False
        if not record.is_sent:
            partition.take(record, None)
            return True
        key = key_of(record)
        known = self._writer.known(home, key, record.observed_ns)
        if known is not None:
            if record.first_wins or known[0] == record.digest:
                return False
            record = renamed(record)
            key = key_of(record)
            if self._writer.known(home, key, record.observed_ns) is not None:
                return False
        partition.take(record, key)
        return True


def key_of(record: RoutedRecord) -> str:
    """The term of a sent id: no organisation's id can meet another's."""
    name = b"\0".join((record.org_id.bytes, record.id.encode("utf-8", "surrogatepass")))
    return "c" + urlsafe_b64encode(blake2b(name, digest_size=20).digest()).decode().rstrip("=")
