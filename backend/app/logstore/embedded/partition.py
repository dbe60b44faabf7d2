"""A partition as its readers see it: one commit at a time, reopened when there is a newer one."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import tantivy
from tantivy import Query

from app.core.ids import OrgId
from app.logstore.embedded.compile import Compiler
from app.logstore.embedded.document import stored_record
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.schema import KEYWORDS, open_index
from app.logstore.embedded.source import BlockCache, Damaged, SourceReader
from app.logstore.embedded.state import State, read_catalogue, read_state
from app.logstore.partitions import Home
from app.logstore.schema import leaves_of
from app.logstore.types import StoredRecord
from app.query.fields import Field

# Every matching document is in this bucket.
COUNT_REQUEST = {"records": {"filter": "*"}}

INDEX = "index"
SOURCE = "source"


class Snapshot:
    """One commit of a partition; it does not change."""

    def __init__(
        self, home: Home, index: tantivy.Index, searcher: tantivy.Searcher, source: SourceReader
    ) -> None:
        self.home = home
        self.searcher = searcher
        self.state: State = read_state(searcher)
        self.compiler = Compiler(index, searcher, self.find_one)
        # Some values of fields, remembered by whom they help to cut fields into ranges.
        self.samples: dict[Field, list[tuple[str, Any]]] = {}
        self._source = source
        self._catalogue: dict[OrgId, set[str]] | None = None

    def refs(self, addresses: list[tantivy.DocAddress]) -> list[int]:
        """The ordinals of these documents in the source."""
        values = self.searcher.fast_field_values("ref", addresses)
        return [int(value) for value in values if value is not None]

    def row(self, ref: int) -> bytes:
        """The source row with this ordinal."""
        return self._source.row(ref, self.state.records)

    def record(self, ref: int) -> StoredRecord:
        """The record with this ordinal."""
        return stored_record(self.row(ref))

    def count(self, query: Query) -> int:
        """How many documents match."""
        # Four times as fast as a search that counts, because nothing is put in order.
        answer: dict[str, Any] = self.searcher.aggregate(query, COUNT_REQUEST)
        return int(answer["records"]["doc_count"])

    def values_of(self, ref: int, field: Field) -> list[tuple[str, Any]]:
        """(kind, value) of a record's field, taken from the record as it was sent."""
        record = self.record(ref)
        if not field.is_attribute:
            value = getattr(record, field.name)
            return [] if value is None else [("string", value)]
        leaves, _ = leaves_of(dict(record.attributes))
        return [
            ("string" if isinstance(value, str) else "number", value)
            for path, value in leaves
            if path == field.name and not isinstance(value, bool)
        ]

    def probe(self) -> None:
        """Raises `Damaged` where columns, dictionaries or the source are not what was written."""
        with told_apart(self.home.name):
            everything = Query.all_query()
            for column in ("ts", "id", "ref"):
                self.searcher.search(everything, limit=1, order_by_field=column)
            for name in (*KEYWORDS, "id", "tags", "message"):
                self.searcher.terms_with_prefix(name, "", limit=1)
            if self.state.records:
                self.row(self.state.records - 1)

    def find_one(self, query: Query) -> StoredRecord:
        """The record of any match; there has to be one."""
        hits = self.searcher.search(query, limit=1, count=False).hits
        if not hits:
            raise Damaged("a term of the index has no document")
        return self.record(self.refs([hits[0][1]])[0])

    def mapped_fields(self, org_id: OrgId) -> set[str]:
        """The attribute fields of the organisation that can be aggregated."""
        if self._catalogue is None:
            self._catalogue = read_catalogue(self.searcher)
        return self._catalogue.get(org_id, set())


class Partition:
    """An open partition; `snapshot` is safe to call from several threads."""

    def __init__(self, directory: Path, home: Home, cache: BlockCache) -> None:
        self.home = home
        self._meta = directory / INDEX / "meta.json"
        self._source = SourceReader(directory / SOURCE, cache)
        self._lock = Lock()
        self._inode = directory.stat().st_ino
        self._seen = version_of(self._meta)
        with told_apart(home.name):
            self._index = open_index(directory / INDEX)
            self._snapshot = self._load()

    def is_still_at(self, directory: Path) -> bool:
        """Whether the directory is the one that was opened, and not a new one in its place."""
        return directory.stat().st_ino == self._inode

    def snapshot(self) -> Snapshot:
        """The newest commit. `FileNotFoundError` when the partition has been removed."""
        version = version_of(self._meta)
        if version != self._seen:
            with self._lock, told_apart(self.home.name):
                self._snapshot = self._load()
                self._seen = version
        return self._snapshot

    def _load(self) -> Snapshot:
        self._index.reload()
        return Snapshot(self.home, self._index, self._index.searcher(), self._source)


def version_of(meta: Path) -> tuple[int, int, int]:
    """Changes with every commit."""
    status = meta.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
