"""A partition as its one writer sees it: source, index, state and catalogue together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tantivy

from app.core.ids import OrgId
from app.logstore.embedded.compile import all_of, term
from app.logstore.embedded.document import index_entry, sent_digest, source_row
from app.logstore.embedded.documents import index_entries, source_rows
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.ids import id_term
from app.logstore.embedded.partition import INDEX, SOURCE
from app.logstore.embedded.questions import whole_organisation
from app.logstore.embedded.schema import SCHEMA, STATE, open_index
from app.logstore.embedded.source import BlockCache, SourceReader, SourceWriter, pack_full_files
from app.logstore.embedded.state import (
    OWN_FIELDS,
    POOLED_FIELDS,
    Catalogue,
    OrgFields,
    State,
    read_catalogue,
    read_state,
)
from app.logstore.interface import FaultPoint
from app.logstore.partitions import Home
from app.logstore.places import is_shared
from app.logstore.schema import leaves_of
from app.logstore.types import Position, RoutedRecord

_HEAP_BYTES = 128_000_000

# tantivy merges in the background once there are so many segments of a size.
_COMMITS_A_MERGE = 8

# The digest and receive time of a record with a sent id.
Sent = tuple[bytes, int]


class PartitionWriter:
    """Owned by one thread of the one shipper."""

    def __init__(self, directory: Path, home: Home, cache: BlockCache, fault: FaultPoint) -> None:
        self.home = home
        self.directory = directory
        self._fault = fault
        self._writer: tantivy.IndexWriter | None = None
        self._commits = 0
        self._waiting = 0
        self._waiting_sent: dict[str, Sent] = {}
        # Receive times of the ids made by us, per organisation.
        self._waiting_made: dict[OrgId, dict[str, int]] = {}
        # What belongs to the organisation of the record before: they come in runs.
        self._last_org: OrgId | None = None
        self._last_fields: OrgFields
        self._last_made: dict[str, int]
        self._taken: dict[str, int] = {}
        with told_apart(home.name):
            (directory / INDEX).mkdir(parents=True, exist_ok=True)
            self._index = open_index(directory / INDEX)
            self._index.reload()
            self._searcher = self._index.searcher()
            self._state: State = read_state(self._searcher)
            budget = POOLED_FIELDS if is_shared(home) else OWN_FIELDS
            self._catalogue = Catalogue(budget, read_catalogue(self._searcher))
            self._source = SourceWriter(directory / SOURCE, self._state.records)
            self._rows = SourceReader(directory / SOURCE, cache)
        self._is_stale = False

    @property
    def waiting(self) -> int:
        """How many records the next commit will make durable."""
        return self._waiting

    def has(self, position: Position) -> bool:
        """Whether this entry's records were committed here before."""
        return position.number <= self._state.positions.get(position.journal, 0)

    def take_made(self, records: Sequence[RoutedRecord]) -> list[tuple[int, Exception]]:
        """Adds records of one organisation that have ids of ours; what became of those that cannot
        be written, by their place."""
        self._turn_to(records[0].org_id)
        first = self._source.next_ordinal
        entries = index_entries(records, first, self._last_fields)
        rows = source_rows(records)
        failed: list[tuple[int, Exception]] = []
        for place, (record, entry) in enumerate(zip(records, entries, strict=True)):
            # An entry names its row, and a record that failed before has taken none.
            if entry is None or rows is None or failed:
                try:
                    self.take(record, None)
                except (TypeError, ValueError, RecursionError) as error:
                    failed.append((place, error))
            else:
                self._put(entry, rows[place])
                self._note(record, None)
        return failed

    def take(self, record: RoutedRecord, key: str | None) -> None:
        """Adds a record; `key` is the term of a sent id."""
        self._turn_to(record.org_id)
        leaves, not_indexed = leaves_of(record.attributes)
        entry = index_entry(record, leaves, self._source.next_ordinal, key, self._last_fields)
        self._put(entry, source_row(record, not_indexed))
        self._note(record, key)

    def _turn_to(self, org_id: OrgId) -> None:
        if org_id is not self._last_org:
            self._last_org = org_id
            self._last_fields = self._catalogue.of(org_id)
            self._last_made = self._waiting_made.setdefault(org_id, {})

    def _put(self, entry: str | dict[str, Any], row: bytes) -> None:
        try:
            writer = self._writer or self._open_writer()
            if isinstance(entry, str):
                writer.add_json(entry)
            else:
                writer.add_document(tantivy.Document.from_dict(entry, SCHEMA))
            self._source.append(row)
        except BaseException:
            # Entered only now: a guard around every record would cost as much as its JSON.
            with told_apart(self.home.name):
                raise

    def _note(self, record: RoutedRecord, key: str | None) -> None:
        """The record waits for the next commit."""
        self._waiting += 1
        if key is None:
            self._last_made[record.id] = record.observed_ns
        else:
            self._waiting_sent[key] = record.digest, record.observed_ns
        state = self._state
        if record.timestamp_ns < state.least:
            state.least = record.timestamp_ns
        if record.timestamp_ns > state.greatest:
            state.greatest = record.timestamp_ns

    def reached(self, position: Position) -> None:
        """All records of this entry that belong here have been taken."""
        self._taken[position.journal] = position.number

    def find_sent(self, key: str) -> Sent | None:
        """What is known of a sent id here, the newest if there are several."""
        waiting = self._waiting_sent.get(key)
        if waiting is not None:
            return waiting
        with told_apart(self.home.name):
            if not self._committed().doc_freq("tags", key):
                return None
            return self._newest(term("tags", key))

    def find_made(self, org_id: OrgId, record_id: str) -> Sent | None:
        """What is known here of an id that we have made: such records have no key."""
        observed_ns = self._waiting_made.get(org_id, {}).get(record_id)
        if observed_ns is not None:
            return b"", observed_ns
        with told_apart(self.home.name):
            if not self._committed().doc_freq("id", id_term(record_id)):
                return None
            return self._newest(
                all_of([term("id", id_term(record_id)), whole_organisation(org_id)])
            )

    def _newest(self, query: tantivy.Query) -> Sent | None:
        searcher = self._committed()
        addresses = [address for _, address in searcher.search(query, limit=100).hits]
        refs = searcher.fast_field_values("ref", addresses)
        rows = [self._rows.row(int(ref or 0), self._state.records) for ref in refs]
        return max(map(sent_digest, rows), key=_received, default=None)

    def commit(self) -> None:
        """Makes everything taken durable and visible."""
        if not self._waiting and not self._taken:
            return
        with told_apart(self.home.name):
            self._source.flush()
            self._fault("commit:after_source")
            writer = self._open_writer()
            self._state.records = self._source.next_ordinal
            self._state.positions |= self._taken
            added = self._catalogue.take_added()
            if added is not None:
                writer.add_json(added)
            writer.delete_documents_by_term("tags", STATE)
            writer.add_json(self._state.document())
            writer.commit()
            self._fault("commit:after_index")
            self._commits += 1
            if self._commits % _COMMITS_A_MERGE == 0:
                self._fault("merge")
        self._waiting, self._taken = 0, {}
        self._waiting_sent.clear()
        self._waiting_made.clear()
        self._last_org = None
        self._is_stale = True

    def pack(self) -> None:
        """Rewrites full source files of small blocks."""
        with told_apart(self.home.name):
            committed = self._source.next_ordinal - self._waiting
            pack_full_files(self.directory / SOURCE, committed, self._fault)

    def close(self) -> None:
        """Lets go of everything; what was not committed is dropped."""
        self._source.close()
        self._writer = None

    def _committed(self) -> tantivy.Searcher:
        if self._is_stale:
            self._index.reload()
            self._searcher = self._index.searcher()
            self._is_stale = False
        return self._searcher

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            self._writer = self._index.writer(heap_size=_HEAP_BYTES, num_threads=1)
        return self._writer


def _received(sent: Sent) -> int:
    return sent[1]
