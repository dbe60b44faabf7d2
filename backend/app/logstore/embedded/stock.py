"""The embedded store as a `Stock`: what a move of records does with it, while no shipper runs."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from tantivy import FieldType, Query

from app.core.errors import Broken, Conflict
from app.core.file_lock import file_lock
from app.core.ids import OrgId
from app.logstore.embedded.compile import all_of, term
from app.logstore.embedded.document import sent_digest, stored_record
from app.logstore.embedded.entry import key_of
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.partition import Partition, Snapshot
from app.logstore.embedded.questions import whole_organisation
from app.logstore.embedded.schema import ORG_TAG, SCHEMA
from app.logstore.embedded.shelf import (
    WRITER_LOCK,
    can_be_store,
    directory_of,
    draft_of,
    finish_replacing,
    homes_in,
    replace,
)
from app.logstore.embedded.source import BlockCache, Damaged
from app.logstore.embedded.writing import PartitionWriter
from app.logstore.interface import no_fault
from app.logstore.moving import ALL, Batch, Check, Numbers, fingerprint, in_batches, routed
from app.logstore.partitions import Home
from app.logstore.types import Position, RoutedRecord

_CACHE_BYTES = 32 << 20
# So many places of the source are looked through at a time.
_WINDOW = 65_536
_COMMIT_RECORDS = 100_000
_MOST_ORGANISATIONS = 1_000_000
_SAME_ID = 1_000
_NOBODY = -1


class EmbeddedStock:
    """See `Stock`. Holds the lock of the store's writer: the shipper waits, and starts nothing.

    Removing writes a partition anew without the organisation and puts it in the old one's place:
    the space is free at once, and no index has terms without documents.
    """

    def __init__(self, location: Path) -> None:
        if not can_be_store(location):
            raise Conflict(
                f"{str(location)!r} holds other things than logs: name its folder of logs"
            )
        self._location = location
        self._cache = BlockCache(_CACHE_BYTES)
        self._partitions: dict[Home, Partition] = {}
        self._writers: dict[Home, PartitionWriter] = {}
        self._held = ExitStack()
        if not self._held.enter_context(file_lock(location / WRITER_LOCK)):
            self._held.close()
            raise Conflict(f"a shipper writes to {str(location)!r}: stop it, and leave intake on")
        finish_replacing(location)

    def homes(self, org_id: OrgId) -> list[Home]:
        """See `Stock`."""
        return sorted(one for one in homes_in(self._location) if self.count(org_id, one))

    def count(self, org_id: OrgId, home: Home, _numbers: Numbers = ALL) -> int:
        """See `Stock`."""
        snapshot = self._snapshot(home)
        if snapshot is None:
            return 0
        with told_apart(home.name):
            return snapshot.count(whole_organisation(org_id))

    def highest(self, _org_id: OrgId, _home: Home) -> int:
        """See `Stock`: nothing comes in."""
        return 0

    def batches(
        self, org_id: OrgId, home: Home, size: int, _numbers: Numbers = ALL
    ) -> Iterator[Batch]:
        """See `Stock`."""
        snapshot = self._snapshot(home)
        if snapshot is None:
            return
        weighed = (
            (_record(org_id, snapshot, ref), len(snapshot.row(ref)))
            for refs in _windows(snapshot, whole_organisation(org_id))
            for ref in refs
        )
        yield from in_batches(weighed, size)

    def missing(self, home: Home, records: Sequence[RoutedRecord]) -> Batch:
        """See `Stock`. Sees what was settled."""
        snapshot = self._snapshot(home)
        if snapshot is None:
            return list(records)
        with told_apart(home.name):
            return [one for one in records if not _has(snapshot, one)]

    def put(self, home: Home, records: Sequence[RoutedRecord], *, mark: str = "") -> None:
        """See `Stock`. Records are put once between two calls of `settle`."""
        if mark:
            raise Broken("the embedded store hides no records")
        records = self.missing(home, records)
        if not records:
            return
        writer = self._writers.get(home)
        if writer is None:
            writer = self._writers[home] = self._opened(directory_of(self._location, home), home)
        for record in records:
            _take(writer, record)
        if writer.waiting >= _COMMIT_RECORDS:
            writer.commit()

    def settle(self, home: Home) -> None:
        """See `Stock`."""
        writer = self._writers.pop(home, None)
        if writer is not None:
            writer.commit()
            writer.close()

    def remove(
        self, org_id: OrgId, home: Home, _numbers: Numbers, is_elsewhere: Check, size: int
    ) -> Iterator[int]:
        """See `Stock`. All or nothing: one that must not go keeps them all."""
        for batch in self.batches(org_id, home, size):
            if len(is_elsewhere(batch)) != len(batch):
                raise Conflict(f"not all records of {home.name} are elsewhere: none was removed")
        snapshot = self._snapshot(home)
        if snapshot is None:
            return
        count = self.count(org_id, home)
        self._partitions.pop(home, None)
        shutil.rmtree(draft_of(self._location, home), ignore_errors=True)
        with told_apart(home.name):
            self._write_without(org_id, home, snapshot)
        replace(self._location, home)
        yield count

    def close(self) -> None:
        """See `Stock`."""
        for writer in self._writers.values():
            writer.close()
        self._partitions.clear()
        self._held.close()

    def _snapshot(self, home: Home) -> Snapshot | None:
        partition = self._partitions.get(home)
        try:
            if partition is None:
                directory = directory_of(self._location, home)
                partition = Partition(directory, home, self._cache)
                self._partitions[home] = partition
            return partition.snapshot()
        except FileNotFoundError:
            return None  # it is not there, or has no commit yet
        except Damaged as error:
            raise _damaged(home, error) from error

    def _opened(self, directory: Path, home: Home) -> PartitionWriter:
        try:
            return PartitionWriter(directory, home, self._cache, no_fault)
        except Damaged as error:
            raise _damaged(home, error) from error

    def _write_without(self, org_id: OrgId, home: Home, snapshot: Snapshot) -> None:
        """Writes the partition as a draft, in the same order; none when nobody else is in it."""
        found = snapshot.searcher.terms_with_prefix("tags", ORG_TAG, limit=_MOST_ORGANISATIONS)
        # An organisation with hidden records has two terms.
        everybody = sorted({OrgId(UUID(tag[len(ORG_TAG) :].rstrip("_"))) for tag, _ in found})
        others = [one for one in everybody if one != org_id]
        if not others:
            return
        owners = array("l", [_NOBODY]) * snapshot.state.records
        for place, other in enumerate(others):
            for refs in _windows(snapshot, whole_organisation(other)):
                for ref in refs:
                    owners[ref] = place
        writer = self._opened(draft_of(self._location, home), home)
        for ref, place in enumerate(owners):
            if place != _NOBODY:
                _take(writer, _record(others[place], snapshot, ref))
                if writer.waiting >= _COMMIT_RECORDS:
                    writer.commit()
        # Entries that were committed before must not be appended again.
        for journal, number in snapshot.state.positions.items():
            writer.reached(Position(journal, number))
        writer.commit()
        writer.close()


def _take(writer: PartitionWriter, record: RoutedRecord) -> None:
    writer.take(record, key_of(record) if record.is_sent else None)


def _windows(snapshot: Snapshot, query: Query) -> Iterator[list[int]]:
    """The places of all matches in the source, in order."""
    for start in range(0, snapshot.state.records, _WINDOW):
        within = Query.range_query(SCHEMA, "ref", FieldType.Unsigned, start, start + _WINDOW - 1)
        with told_apart(snapshot.home.name):
            hits = snapshot.searcher.search(all_of([query, within]), limit=_WINDOW, count=False)
            refs = sorted(snapshot.refs([address for _, address in hits.hits]))
        if refs:
            yield refs


def _record(org_id: OrgId, snapshot: Snapshot, ref: int) -> RoutedRecord:
    row = snapshot.row(ref)
    digest, _ = sent_digest(row)
    return routed(org_id, snapshot.home, stored_record(row), digest or None)


def _has(snapshot: Snapshot, record: RoutedRecord) -> bool:
    name = id_term(record.id)
    if not snapshot.searcher.doc_freq("id", name):
        return False
    query = all_of([term("id", name), whole_organisation(record.org_id)])
    hits = snapshot.searcher.search(query, limit=_SAME_ID, count=False).hits
    wanted = fingerprint(record._replace(first_wins=False))
    refs = snapshot.refs([address for _, address in hits])
    return any(fingerprint(_record(record.org_id, snapshot, ref)) == wanted for ref in refs)


def _damaged(home: Home, error: Exception) -> Conflict:
    return Conflict(f"{home.name} cannot be read: {error}")
