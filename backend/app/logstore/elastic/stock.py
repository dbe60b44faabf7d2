"""Elasticsearch as a `Stock`: what a move of records does with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from app.core.errors import Broken, Conflict, Unavailable
from app.core.ids import OrgId
from app.logstore.elastic.cluster import Answer, Cluster, Missing
from app.logstore.elastic.document import keys_of, sent_key, stored_record
from app.logstore.elastic.documents import documents_of
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.mapping import PROPERTIES
from app.logstore.elastic.names import home_of_index, index_of
from app.logstore.elastic.questions import Query, whole_organisation, within
from app.logstore.elastic.sending import BatchSize, Fate, Item, send
from app.logstore.elastic.shelf import Shelf
from app.logstore.moving import (
    ALL,
    BATCH_BYTES,
    Batch,
    Check,
    Numbers,
    fingerprint,
    in_batches,
    routed,
)
from app.logstore.partitions import Home
from app.logstore.places import all_shared
from app.logstore.types import Position, RoutedRecord

_KEEP_ALIVE = "10m"
# In one answer, the first and the later ones: nobody can say beforehand how many bytes they have.
_FIRST_RECORDS = 16
_PAGE_RECORDS = 128
_PATIENCE_SECONDS = 60.0
_NO_JOURNAL = Position("", 0)
_ALL: Query = {"match_all": {}}
_GONE = (200, 404)


class ElasticStock:
    """See `Stock`. Records are read at a point in time, and removed by their `_id`."""

    def __init__(self, location: Location) -> None:
        self._cluster = Cluster(location)
        self._shelf = Shelf(self._cluster, all_shared)
        self._size = BatchSize()
        self._marked: set[Home] = set()

    def homes(self, org_id: OrgId) -> list[Home]:
        """See `Stock`."""
        self._refresh(self._cluster.partitions)
        indices = sorted(self._shelf.existing(now_exactly=True))
        query = whole_organisation(org_id, _ALL)
        body = {"query": query, "size": 0, "terminate_after": 1}
        found = []
        for index in indices:
            home = home_of_index(self._cluster.prefix, index)
            if home is not None and self._search(index, body)["hits"]["total"]["value"]:
                found.append(home)
        return sorted(found)

    def count(self, org_id: OrgId, home: Home, numbers: Numbers = ALL) -> int:
        """See `Stock`."""
        index = self._index(home)
        self._refresh(index)
        body = {"query": whole_organisation(org_id, _of(numbers))}
        answer = self._cluster.call("POST", f"/{index}/_count", body=body, params=_IF_THERE)
        return int(answer["count"])

    def highest(self, org_id: OrgId, home: Home) -> int:
        """See `Stock`. A partition is one shard, which numbers its changes."""
        index = self._index(home)
        self._refresh(index)
        body = {
            "query": whole_organisation(org_id, _ALL),
            "size": 1,
            "sort": [{"_seq_no": "desc"}],
            "_source": False,
        }
        hits = self._search(index, body)["hits"]["hits"]
        return int(hits[0]["sort"][0]) if hits else 0

    def batches(
        self, org_id: OrgId, home: Home, size: int, numbers: Numbers = ALL
    ) -> Iterator[Batch]:
        """See `Stock`."""
        for hits in in_batches(self._weighed(org_id, home, numbers), size):
            yield [_record(org_id, home, hit["_source"]) for hit in hits]

    def missing(self, home: Home, records: Sequence[RoutedRecord]) -> Batch:
        """See `Stock`."""
        first = self._absent(home, records, keys_of(records))
        return self._absent(home, first, [_second_key(one) for one in first])

    def put(self, home: Home, records: Sequence[RoutedRecord], *, mark: str = "") -> None:
        """See `Stock`. A sent id that the index has already, of a time when it was not remembered
        any more, is told from the other one by its `_id`."""
        if not records:
            return
        index = self._shelf.get(home).index
        if mark and home not in self._marked:
            self._shelf.get(home).make()
            body = {"properties": {"mark": PROPERTIES["mark"]}}
            self._cluster.call("PUT", f"/{index}/_mapping", body=body)
            self._marked.add(home)
        others = self._send(home, records, keys_of(records), mark)
        again = [_second_key(one) for one in others]
        still = self._send(home, others, again, mark) if others else []
        if still:
            raise Broken(f"the place of the record {still[0].id!r} is taken in {home.name}")

    def settle(self, home: Home) -> None:
        """See `Stock`."""
        self._refresh(self._index(home))

    def remove(
        self, org_id: OrgId, home: Home, numbers: Numbers, is_elsewhere: Check, size: int
    ) -> Iterator[int]:
        """See `Stock`."""
        for hits in in_batches(self._weighed(org_id, home, numbers), size):
            by_key = {hit["_id"]: _record(org_id, home, hit["_source"]) for hit in hits}
            may_go = {fingerprint(one) for one in is_elsewhere(list(by_key.values()))}
            keys = [key for key, one in by_key.items() if fingerprint(one) in may_go]
            self._delete(home, keys)
            yield len(keys)
        self._refresh(self._index(home))

    def close(self) -> None:
        """See `Stock`."""
        self._cluster.close()

    def _weighed(self, org_id: OrgId, home: Home, numbers: Numbers) -> Iterator[tuple[Answer, int]]:
        """The documents of the organisation as they are now, whatever is changed meanwhile, each with
        its bytes."""
        index = self._index(home)
        self._refresh(index)
        try:
            moment = self._cluster.call(
                "POST", f"/{index}/_pit", params={"keep_alive": _KEEP_ALIVE}
            )
        except Missing:
            return
        point = moment["id"]
        body: dict[str, Any] = {
            "query": whole_organisation(org_id, _of(numbers)),
            "size": _FIRST_RECORDS,
            "sort": ["_shard_doc"],
            "track_total_hits": False,
        }
        try:
            while True:
                body["pit"] = {"id": point, "keep_alive": _KEEP_ALIVE}
                answer = self._cluster.call("POST", "/_search", body=body)
                if answer["timed_out"] or answer["_shards"]["failed"]:
                    raise Unavailable(f"{home.name} could not be read whole")
                hits: list[Answer] = answer["hits"]["hits"]
                if not hits:
                    return
                point = answer.get("pit_id", point)
                body["search_after"] = hits[-1]["sort"]
                weights = [_bytes_of(hit["_source"]) for hit in hits]
                yield from zip(hits, weights, strict=True)
                # Large records come in rows.
                mean = max(1, sum(weights) // len(weights))
                body["size"] = max(1, min(_PAGE_RECORDS, BATCH_BYTES // mean))
        finally:
            self._cluster.call("DELETE", "/_pit", body={"id": point})

    def _absent(self, home: Home, records: Sequence[RoutedRecord], keys: Sequence[str]) -> Batch:
        """Those that are not there under their `_id`, or not as they are; as it is this moment."""
        if not records:
            return []
        index = self._index(home)
        body = {"docs": [{"_index": index, "_id": key} for key in keys]}
        answer = self._cluster.call("POST", "/_mget", body=body)
        absent = []
        for record, document in zip(records, answer["docs"], strict=True):
            if document.get("found"):
                source = document["_source"]
                there = fingerprint(_record(_org_of(source), home, source))
                if there == fingerprint(record._replace(first_wins=False)):
                    continue
            elif "index_not_found" not in document.get("error", {}).get("type", "index_not_found"):
                raise Unavailable(f"{home.name} could not be read")
            absent.append(record)
        return absent

    def _send(
        self, home: Home, records: Sequence[RoutedRecord], keys: Sequence[str], mark: str
    ) -> Batch:
        """Creates documents; those whose `_id` another record has."""
        items = self._items(home, records, keys, mark)
        if not self._shelf.get(home).prepare():
            # A mapping that could not be changed: what it cannot hold is written otherwise.
            items = self._items(home, records, keys, mark)
        taken: list[Item] = []
        for part in _parts(items, self._size.bytes):
            sent = send(self._cluster, part, self._size, patience_seconds=_PATIENCE_SECONDS)
            if not {Fate.STORED, Fate.THERE}.issuperset(sent.fates):
                why = next(iter(sent.details.values()), "it takes no records")
                raise Unavailable(f"{home.name} could not be written: {why}")
            taken += sent.those(Fate.THERE)
        return self._absent(home, [one.record for one in taken], [one.key for one in taken])

    def _items(
        self, home: Home, records: Sequence[RoutedRecord], keys: Sequence[str], mark: str
    ) -> list[Item]:
        """The records of one organisation as they are sent."""
        partition = self._shelf.get(home)
        fields = partition.fields_of(records[0].org_id)
        marked = b',"mark":' + orjson.dumps(mark) + b"}" if mark else b"}"
        items = []
        for is_sent in (False, True):
            # Apart, so that a record with an id of ours has no digest, not even a null.
            some = [one for one in zip(records, keys, strict=True) if one[0].is_sent is is_sent]
            documents = documents_of([record for record, _ in some], fields)
            for (record, key), document in zip(some, documents, strict=True):
                if isinstance(document, Exception):
                    raise Conflict(f"the record {record.id!r} cannot be stored: {document}")
                action = orjson.dumps({"create": {"_index": partition.index, "_id": key}})
                lines = action + b"\n" + document[:-1] + marked + b"\n"
                items.append(Item(partition.index, key, lines, record, _NO_JOURNAL))
        return items

    def _delete(self, home: Home, keys: Sequence[str]) -> None:
        if not keys:
            return
        index = self._index(home)
        lines = b"".join(
            orjson.dumps({"delete": {"_index": index, "_id": key}}) + b"\n" for key in keys
        )
        answer = self._cluster.call_with_lines(
            "/_bulk", lines, seconds=_PATIENCE_SECONDS, filter_path="items.delete.status"
        )
        if any(item["delete"]["status"] not in _GONE for item in answer["items"]):
            raise Unavailable(f"{home.name} lets no records be removed")

    def _search(self, index: str, body: dict[str, Any]) -> Answer:
        answer = self._cluster.search(index, body)
        if answer["_shards"]["failed"]:
            raise Unavailable(f"{index} could not be read")
        return answer

    def _index(self, home: Home) -> str:
        return index_of(self._cluster.prefix, home)

    def _refresh(self, index: str) -> None:
        self._cluster.call("POST", f"/{index}/_refresh", params=_IF_THERE)


_IF_THERE = {"ignore_unavailable": "true", "allow_no_indices": "true"}


def _of(numbers: Numbers) -> Query:
    return _ALL if numbers == ALL else within("_seq_no", numbers.above + 1, numbers.through + 1)


def _record(org_id: OrgId, home: Home, source: dict[str, Any]) -> RoutedRecord:
    digest = source.get("digest")
    return routed(
        org_id, home, stored_record(source), None if digest is None else bytes.fromhex(digest)
    )


def _bytes_of(source: dict[str, Any]) -> int:
    """About as many as the document has: all else in it is short."""
    return sum(len(value) for value in source.values() if isinstance(value, str))


def _org_of(source: dict[str, Any]) -> OrgId:
    return OrgId(UUID(source["org"].rstrip("_")))


def _second_key(record: RoutedRecord) -> str:
    """The `_id` of a record whose sent id another one of the partition has, which is older or newer
    than ids are remembered."""
    return sent_key(record.org_id, f"{record.id}\0{record.observed_ns}\0{record.digest.hex()}")


def _parts(items: Sequence[Item], most_bytes: int) -> Iterator[list[Item]]:
    """The items in requests of at most so many bytes, or of one item."""
    part: list[Item] = []
    size = 0
    for item in items:
        if part and size + len(item.lines) > most_bytes:
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item.lines)
    if part:
        yield part
