"""One journal entry on its way in: where each record goes, and which ones are known already."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.ids import OrgId
from app.logstore.elastic.document import document_of, key_of, sent_key
from app.logstore.elastic.known import Known, SentIds
from app.logstore.elastic.partition import OrgFields, Partition
from app.logstore.elastic.sending import Item
from app.logstore.elastic.shelf import Shelf
from app.logstore.identity import renamed
from app.logstore.partitions import Home
from app.logstore.types import AppendReport, Position, Rejected, RoutedRecord


class Entry:
    """Takes the records of one entry, in order; `items` then has what is new."""

    def __init__(self, shelf: Shelf, sent_ids: SentIds, position: Position) -> None:
        self.items: list[Item] = []
        self._shelf = shelf
        self._sent_ids = sent_ids
        self._position = position
        self._known: dict[str, Known] = {}
        self._fields: dict[tuple[Home, OrgId], tuple[Partition, OrgFields]] = {}

    def take(self, records: Sequence[RoutedRecord]) -> AppendReport:
        """Takes what is new; a record that cannot be written is reported."""
        homes = self._homes(records)
        self._look_up(records, homes)
        rejected: list[Rejected] = []
        repeated = 0
        for index, (record, home) in enumerate(zip(records, homes, strict=True)):
            try:
                repeated += not self._take(record, home)
            except (TypeError, ValueError, RecursionError) as error:
                rejected.append(Rejected(index, "not_storable", str(error)))
        return AppendReport(len(records) - repeated - len(rejected), repeated, tuple(rejected))

    def _homes(self, records: Sequence[RoutedRecord]) -> list[Home]:
        found: dict[tuple[OrgId, int, int], Home] = {}
        homes = []
        for record in records:
            key = record.org_id, record.retention_class, record.observed_ns
            home = found.get(key)
            if home is None:
                home = found[key] = self._shelf.home_of(record)
            homes.append(home)
        return homes

    def _look_up(self, records: Sequence[RoutedRecord], homes: Sequence[Home]) -> None:
        """Asks for all sent ids at once, and for the derived ones of those that are another's."""
        sent = [
            (record, home) for record, home in zip(records, homes, strict=True) if record.is_sent
        ]
        if not sent:
            return
        existing = self._shelf.existing()
        self._known = self._sent_ids.look_up(sent, existing)
        others = [(renamed(record), home) for record, home in sent if self._may_be_other(record)]
        if others:
            self._known |= self._sent_ids.look_up(others, existing)

    def _may_be_other(self, record: RoutedRecord) -> bool:
        known = self._known.get(sent_key(record.org_id, record.id))
        return known is not None and not record.first_wins and known.digest != record.digest

    def _take(self, record: RoutedRecord, home: Home) -> bool:
        """Whether the record was new."""
        if not record.is_sent:
            key = key_of(record)
            self._add(record, home, key)
            self._sent_ids.note(record, key)
            return True
        key = sent_key(record.org_id, record.id)
        known = self._what_is_known(record, key)
        if known is not None:
            if record.first_wins or known.digest == record.digest:
                return False
            record = renamed(record)
            key = sent_key(record.org_id, record.id)
            if self._what_is_known(record, key) is not None:
                return False
        self._add(record, home, key)
        self._sent_ids.note(record, key)
        return True

    def _what_is_known(self, record: RoutedRecord, key: str) -> Known | None:
        known = self._sent_ids.find_waiting(record, key)
        return self._known.get(key) if known is None else known

    def _add(self, record: RoutedRecord, home: Home, key: str) -> None:
        found = self._fields.get((home, record.org_id))
        if found is None:
            partition = self._shelf.get(home)
            found = self._fields[home, record.org_id] = (
                partition,
                partition.fields_of(record.org_id),
            )
        partition, fields = found
        self.items.append(item_of(record, partition.index, key, fields, self._position))


def item_of(
    record: RoutedRecord, index: str, key: str, fields: OrgFields, position: Position
) -> Item:
    """The record as two lines of `_bulk`."""
    body = document_of(record, fields)
    lines = f'{{"create":{{"_index":"{index}","_id":"{key}"}}}}\n'.encode() + body + b"\n"
    return Item(index, key, lines, record, position)
