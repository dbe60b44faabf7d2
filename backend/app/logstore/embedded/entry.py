"""One journal entry on its way in: where each record goes, and which ones are known already."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from operator import itemgetter
from uuid import UUID

from app.core.ids import OrgId
from app.logstore.embedded.open_writers import OpenWriters
from app.logstore.embedded.schema import SENT_TAG
from app.logstore.embedded.writing import PartitionWriter, Sent
from app.logstore.identity import REMEMBERED_NS, renamed
from app.logstore.partitions import Home
from app.logstore.types import AppendReport, Position, Rejected, RoutedRecord

# So many are taken at once.
SLICE = 256
_RUN_KEY = itemgetter(
    *map(RoutedRecord._fields.index, ("org_id", "retention_class", "observed_ns", "is_sent"))
)
_UUID_CHARACTERS = 36
_MADE_VERSION = 7


class Entry:
    """Takes the records of one entry, in order."""

    def __init__(self, writers: OpenWriters, position: Position) -> None:
        self._writers = writers
        self._position = position
        # Where its records go; `None` where they were committed before.
        self._partitions: dict[Home, PartitionWriter | None] = {}
        self._remembering: dict[tuple[OrgId, Home, int], list[PartitionWriter]] = {}

    def take(self, records: Sequence[RoutedRecord]) -> AppendReport:
        """Takes what is new; a record that cannot be written is reported."""
        rejected: list[Rejected] = []
        repeated = 0
        for home, is_made, places in self._runs(records):
            if home not in self._partitions:
                self._open(home)
            partition = self._partitions[home]
            if partition is None:
                repeated += len(places)
            elif is_made:
                failed = partition.take_made([records[place] for place in places])
                rejected += [_rejected(places[place], error) for place, error in failed]
            else:
                for place in places:
                    try:
                        repeated += not self._take(records[place], home, partition)
                    except (TypeError, ValueError, RecursionError) as error:
                        rejected.append(_rejected(place, error))
        for partition in self._partitions.values():
            if partition is not None:
                partition.reached(self._position)
        return AppendReport(len(records) - repeated - len(rejected), repeated, tuple(rejected))

    def _runs(self, records: Sequence[RoutedRecord]) -> Iterator[tuple[Home, bool, range]]:
        """Records of one home that follow one another, and whether their ids are ours; a few at a
        time, so that they stay in a processor's own cache."""
        start = 0
        while start < len(records):
            key = _RUN_KEY(records[start])
            end = start + 1
            while end < len(records) and end - start < SLICE and _RUN_KEY(records[end]) == key:
                end += 1
            yield (
                self._writers.home_of(records[start]),
                not records[start].is_sent,
                range(start, end),
            )
            start = end

    def _take(self, record: RoutedRecord, home: Home, partition: PartitionWriter) -> bool:
        """Whether a record with a sent id was new."""
        key = key_of(record)
        known = self._known(record, home, key)
        if known is not None:
            if record.first_wins or known[0] == record.digest:
                return False
            record = renamed(record)
            key = key_of(record)
            if self._known(record, home, key) is not None:
                return False
        partition.take(record, key)
        return True

    def _open(self, home: Home) -> None:
        partition = self._writers.get(home)
        self._partitions[home] = None if partition.has(self._position) else partition
        # It may be new, and remembers what comes later in this entry.
        self._remembering.clear()

    def _known(self, record: RoutedRecord, home: Home, key: str) -> Sent | None:
        """What is known of a sent id, if it is remembered still."""
        observed_ns = record.observed_ns
        asked = record.org_id, home, observed_ns
        places = self._remembering.get(asked)
        if places is None:
            places = self._remembering[asked] = self._writers.remembering(record, home)
        may_be_made = is_made(record.id)
        for place in places:
            sent = place.find_sent(key)
            if sent is None and may_be_made:
                sent = place.find_made(record.org_id, record.id)
            if sent is not None and observed_ns - sent[1] <= REMEMBERED_NS:
                return sent
        return None


def _rejected(place: int, error: Exception) -> Rejected:
    return Rejected(place, "not_storable", str(error))


def key_of(record: RoutedRecord) -> str:
    """The tag of a sent id: no organisation's id can meet another's."""
    name = b"\0".join((record.org_id.bytes, record.id.encode("utf-8", "surrogatepass")))
    return SENT_TAG + urlsafe_b64encode(blake2b(name, digest_size=20).digest()).decode().rstrip("=")


def is_made(record_id: str) -> bool:
    """Whether the id may be one of ours: the text of a UUIDv7."""
    if len(record_id) != _UUID_CHARACTERS:
        return False
    try:
        return UUID(record_id).version == _MADE_VERSION
    except ValueError:
        return False
