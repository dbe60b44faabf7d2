"""One journal entry on its way in: where each record goes, and which ones are known already."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

from app.core.ids import OrgId
from app.logstore.embedded.open_writers import OpenWriters
from app.logstore.embedded.schema import SENT_TAG
from app.logstore.embedded.writing import PartitionWriter, Sent
from app.logstore.identity import REMEMBERED_NS, renamed
from app.logstore.partitions import Home
from app.logstore.types import AppendReport, Position, Rejected, RoutedRecord

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
        last: tuple[OrgId, int, int] | None = None
        home: Home | None = None
        for index, record in enumerate(records):
            belonging = record.org_id, record.retention_class, record.observed_ns
            if home is None or last != belonging:
                home = self._writers.home_of(record)
                last = belonging
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
        if home not in self._partitions:
            self._open(home)
        partition = self._partitions[home]
        if partition is None:
            return False
        if not record.is_sent:
            partition.take(record, None)
            return True
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
