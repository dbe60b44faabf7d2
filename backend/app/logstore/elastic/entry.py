"""One journal entry on its way in: where each record goes, and which ones are known already."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter, itemgetter

from app.core.ids import OrgId
from app.logstore.elastic.document import document_of, keys_of, sent_key
from app.logstore.elastic.documents import documents_of
from app.logstore.elastic.known import Asked, Found, SentIds, is_repetition
from app.logstore.elastic.partition import OrgFields, Partition
from app.logstore.elastic.sending import Item
from app.logstore.elastic.shelf import Shelf
from app.logstore.identity import renamed
from app.logstore.partitions import Home
from app.logstore.types import AppendReport, Position, Rejected, RoutedRecord

_INDEX = attrgetter("index")
_HOME_KEY = itemgetter(
    *map(RoutedRecord._fields.index, ("org_id", "retention_class", "observed_ns"))
)

# So many are written at once that they stay in a processor's own cache from column to column.
_SLICE = 256


class Entry:
    """Takes the records of one entry, in order. `items` then has what is new, `doubtful` the records
    of which only Elasticsearch's answer to others, which wait, says what they are."""

    def __init__(self, shelf: Shelf, sent_ids: SentIds, position: Position) -> None:
        self.items: list[Item] = []
        self.doubtful: list[RoutedRecord] = []
        # What is known from the partition in which it belongs: maybe by its own first try, which was
        # cut off before anybody looked for copies elsewhere.
        self.tried: list[Item] = []
        # Where something is known already, maybe so newly that no search sees it yet.
        self.places: set[str] = set()
        self._shelf = shelf
        self._sent_ids = sent_ids
        self._position = position
        self._known: Found = {}
        # Partitions of which an organisation's records were moved: where a first try may be.
        self._moved: dict[tuple[OrgId, Home], list[str]] = {}
        self._fields: dict[tuple[Home, OrgId], tuple[Partition, OrgFields]] = {}

    def take(self, records: Sequence[RoutedRecord]) -> AppendReport:
        """Takes what is new; a record that cannot be written is reported."""
        homes = self._homes(records)
        sent = [index for index, record in enumerate(records) if record.is_sent]
        if sent:
            self._look_up([records[index] for index in sent])
        again = self._made_again(records, homes) if self._moved else frozenset()
        rejected = self._take_made(records, homes, again)
        repeated = len(again)
        for index in sent:
            try:
                repeated += not self._take(records[index], homes[index])
            except (TypeError, ValueError, RecursionError) as error:
                rejected.append(Rejected(index, "not_storable", str(error)))
        rejected.sort(key=_INDEX)
        return AppendReport(len(records) - repeated - len(rejected), repeated, tuple(rejected))

    def _homes(self, records: Sequence[RoutedRecord]) -> list[Home]:
        keys = list(map(_HOME_KEY, records))
        if keys and keys.count(keys[0]) == len(keys):
            return [self._home_of(records[0])] * len(records)
        found: dict[tuple[OrgId, int, int], Home] = {}
        for key, record in zip(keys, records, strict=True):
            if key not in found:
                found[key] = self._home_of(record)
        return [found[key] for key in keys]

    def _home_of(self, record: RoutedRecord) -> Home:
        home = self._shelf.home_of(record)
        moved = self._shelf.moved_between(record, home)
        if moved:
            self._moved[record.org_id, home] = moved
        return home

    def _made_again(self, records: Sequence[RoutedRecord], homes: Sequence[Home]) -> frozenset[int]:
        """The records with ids of ours that are there already: a first try was cut off before its
        commit, and what it stored may have been moved since."""
        if not self._moved:
            return frozenset()
        asked = {
            index: (record, self._moved[record.org_id, home])
            for index, (record, home) in enumerate(zip(records, homes, strict=True))
            if not record.is_sent and (record.org_id, home) in self._moved
        }
        found = self._sent_ids.look_up(asked.values())
        self.places.update(one.place for known in found.values() for one in known)
        return frozenset(
            index
            for index, (record, _) in asked.items()
            if sent_key(record.org_id, record.id) in found
        )

    def _take_made(
        self, records: Sequence[RoutedRecord], homes: Sequence[Home], again: frozenset[int]
    ) -> list[Rejected]:
        """Takes the records whose id is ours: all others of them are new. What cannot be written."""
        groups: dict[tuple[Home, OrgId], list[int]] = {}
        group: list[int] = []
        last: tuple[Home, OrgId] | None = None
        for index, (record, home) in enumerate(zip(records, homes, strict=True)):
            if record.is_sent or index in again:
                continue
            if last is None or last[0] is not home or last[1] is not record.org_id:
                last = home, record.org_id
                group = groups.setdefault(last, [])
            group.append(index)
        rejected: list[Rejected] = []
        for (home, org_id), places in groups.items():
            partition, fields = self._fields_of(org_id, home)
            for start in range(0, len(places), _SLICE):
                chosen = places[start : start + _SLICE]
                rejected += self._take_slice(records, chosen, partition, fields)
        return rejected

    def _take_slice(
        self,
        records: Sequence[RoutedRecord],
        places: Sequence[int],
        partition: Partition,
        fields: OrgFields,
    ) -> list[Rejected]:
        chosen = [records[place] for place in places]
        documents = documents_of(chosen, fields)
        rejected = [
            Rejected(place, "not_storable", str(document))
            for place, document in zip(places, documents, strict=True)
            if isinstance(document, Exception)
        ]
        if rejected:
            pairs = list(zip(chosen, documents, strict=True))
            chosen = [record for record, document in pairs if isinstance(document, bytes)]
        keys = keys_of(chosen)
        start, end = (part.encode() for part in action(partition.index))
        pieces = zip(
            repeat(start),
            map(str.encode, keys),
            repeat(end),
            [document for document in documents if isinstance(document, bytes)],
            repeat(b"\n"),
            strict=False,
        )
        indices, positions = repeat(partition.index), repeat(self._position)
        self.items += map(Item, indices, keys, map(b"".join, pieces), chosen, positions)
        self._sent_ids.note_made(keys, fields.org_id)
        return rejected

    def _look_up(self, sent: Sequence[RoutedRecord]) -> None:
        """Asks for all sent ids at once, and for the derived ones of those that are another's."""
        asked = where_known(self._shelf, sent)
        self._known = self._sent_ids.look_up(asked)
        others = [(renamed(record), names) for record, names in asked if self._is_other(record)]
        if others:
            self._known |= self._sent_ids.look_up(others)
        self.places.update(one.place for known in self._known.values() for one in known)

    def _is_other(self, record: RoutedRecord) -> bool:
        known = self._known.get(sent_key(record.org_id, record.id))
        return known is not None and not is_repetition(record, known)

    def _take(self, record: RoutedRecord, home: Home) -> bool:
        """Whether a record with a sent id was new."""
        key = sent_key(record.org_id, record.id)
        there = self._known.get(key)
        waiting = self._sent_ids.find_waiting(record, key)
        if there is None and waiting is None:
            self._add(record, home, key)
            self._sent_ids.note(record, key, self._shelf.get(home).index)
            return True
        if is_repetition(record, [*(there or ()), *([] if waiting is None else [waiting])]):
            self._note_tried(record, home, key)
            return False
        other = renamed(record)
        return self._take_other(record, other, home, is_certain=there is not None)

    def _take_other(
        self, record: RoutedRecord, other: RoutedRecord, home: Home, *, is_certain: bool
    ) -> bool:
        """Takes a record whose id belongs to another one: under a derived id, but only when that
        other one is in Elasticsearch. What only waits may yet lose its id to a record that a second
        shipper sends, which may be this very one: it would then be stored under both ids."""
        key = sent_key(other.org_id, other.id)
        if key in self._known or self._sent_ids.find_waiting(other, key) is not None:
            self._note_tried(other, home, key, sent_id=record.id)
            return False
        if is_certain:
            self._add(other, home, key, sent_id=record.id)
        else:
            self._check(record, home)
            self.doubtful.append(record)
        self._sent_ids.note(other, key, self._shelf.get(home).index)
        return True

    def _note_tried(self, record: RoutedRecord, home: Home, key: str, *, sent_id: str = "") -> None:
        index = self._shelf.get(home).index
        for known in self._known.get(key, ()):
            if (known.place, known.key, known.digest) == (index, key, record.digest):
                stored = record._replace(observed_ns=known.observed_ns)
                item = Item(index, key, b"", stored, self._position, sent_id=sent_id)
                self.tried.append(item)

    def _check(self, record: RoutedRecord, home: Home) -> None:
        """Raises for a record that cannot be written."""
        document_of(record, self._fields_of(record.org_id, home)[1])

    def _add(self, record: RoutedRecord, home: Home, key: str, *, sent_id: str = "") -> None:
        partition, fields = self._fields_of(record.org_id, home)
        item = item_of(record, partition.index, key, fields, self._position)
        self.items.append(item._replace(sent_id=sent_id))

    def _fields_of(self, org_id: OrgId, home: Home) -> tuple[Partition, OrgFields]:
        found = self._fields.get((home, org_id))
        if found is None:
            partition = self._shelf.get(home)
            found = self._fields[home, org_id] = partition, partition.fields_of(org_id)
        return found


def where_known(shelf: Shelf, sent: Sequence[RoutedRecord]) -> list[Asked]:
    """Records with sent ids, each with the indices in which its id may be known."""
    there = shelf.existing()
    named: dict[tuple[OrgId, int, int], list[str]] = {}
    asked: list[Asked] = []
    for record in sent:
        key = _HOME_KEY(record)
        names = named.get(key)
        if names is None:
            remembering = shelf.remembering(record, shelf.home_of(record))
            names = named[key] = [name for name in remembering if name in there]
        asked.append((record, names))
    return asked


def item_of(
    record: RoutedRecord, index: str, key: str, fields: OrgFields, position: Position
) -> Item:
    """The record as two lines of `_bulk`."""
    body = document_of(record, fields)
    start, end = action(index)
    lines = (start + key + end).encode() + body + b"\n"
    return Item(index, key, lines, record, position)


def action(index: str) -> tuple[str, str]:
    """What stands before and behind the `_id` in the line before a document."""
    return f'{{"create":{{"_index":"{index}","_id":"', '"}}\n'
