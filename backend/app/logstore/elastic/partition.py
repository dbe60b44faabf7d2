"""A partition as a shipper sees it: its index, its mapping, and the catalogue of its fields.

The catalogue is documents in the partition's own index, one for each field of an organisation, their
`_id` the organisation and a slot counted from 0. A slot is taken with `create`, so two shippers never
take one for two fields, and learn of each other's when they try. Slots are written before the
mapping, and the mapping before the first record with the field: a crash in between leaves a field
that is mapped and empty. When two shippers see things differently for a moment a value is in `rest`
on one side and in its field on the other, and every filter asks both.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import orjson
import structlog

from app.core.errors import Broken, Unavailable
from app.core.ids import OrgId
from app.logstore.elastic.cluster import Answer, Cluster, Missing
from app.logstore.elastic.mapping import (
    MAPPINGS,
    OWN_FIELDS,
    PARTITION_FIELDS,
    POOLED_FIELDS,
    SETTINGS,
    attribute_mappings,
)
from app.logstore.elastic.names import field_names, index_of, org_tag
from app.logstore.elastic.sending import SHARD_PATIENCE
from app.logstore.partitions import Home
from app.logstore.places import is_shared
from app.logstore.types import HIDDEN_STREAM_PREFIX

log = structlog.get_logger(__name__)

_CONFLICT = 409
_NOT_FOUND = 404
# A catalogue that could not be read is asked again after so long.
_BLIND_SECONDS = 1.0
# The most hits that Elasticsearch gives at once.
_LISTED_PATHS = 10_000
# Paths beyond the budget are not remembered without end: a sender may make one for every record.
_REMEMBERED_PATHS = 20_000


class OrgFields:
    """The attribute fields of one organisation in one partition: first come, first mapped."""

    def __init__(
        self,
        partition: Partition,
        org_id: OrgId,
        paths: Iterable[str],
        *,
        is_closed: bool = False,
    ) -> None:
        """`is_closed`: nothing is mapped."""
        self.tag = org_tag(org_id, "")
        self.hidden_tag = org_tag(org_id, HIDDEN_STREAM_PREFIX)
        self.names = {path: field_names(path) for path in paths}
        self.slots = len(self.names)
        self.added: list[str] = []
        self.org_id = org_id
        self._budget = 0 if is_closed else partition.budget
        self._partition = partition

    def decide(self, path: str) -> tuple[str, str, str] | None:
        """Whether a path that was never met is mapped; remembers the answer."""
        names = None
        if self.slots + len(self.added) < self._budget and self._partition.has_room:
            names = field_names(path)
        if names is not None:
            self.added.append(path)
        if names is not None or len(self.names) < _REMEMBERED_PATHS:
            self.names[path] = names
        return names

    def use(self, name: str) -> None:
        """A record has a value in this field: it has to be in the mapping."""
        if name not in self._partition.mapped:
            self._partition.wanted[name] = None

    def learn(self, path: str) -> None:
        """Another shipper has mapped this path."""
        self.names[path] = field_names(path)

    @property
    def is_full(self) -> bool:
        """Whether its budget is spent."""
        return 0 < self._budget <= self.slots + len(self.added)

    def begin_anew(self) -> None:
        """The catalogue is gone: all of it has to be written again."""
        self.added = [path for path, names in self.names.items() if names is not None]
        self.slots = 0

    def unmap(self, unmapped: frozenset[str]) -> None:
        """These fields cannot be mapped: the values of their paths go to `rest`."""
        for path, names in self.names.items():
            if names is not None and not unmapped.isdisjoint(names):
                self.names[path] = None


class Partition:
    """Used by one thread of a shipper."""

    def __init__(self, cluster: Cluster, home: Home) -> None:
        self.home = home
        self.index = index_of(cluster.prefix, home)
        self.budget = POOLED_FIELDS if is_shared(home) else OWN_FIELDS
        self.mapped: set[str] = set()
        self.wanted: dict[str, None] = {}
        self._cluster = cluster
        self._orgs: dict[OrgId, OrgFields] = {}
        self._is_made = False
        self._is_refused = False
        self._blind_until = 0.0

    @property
    def has_room(self) -> bool:
        """Whether the partition as a whole may have more fields."""
        return not self._is_refused and len(self.mapped) + len(self.wanted) < PARTITION_FIELDS

    @property
    def full_budgets(self) -> int:
        """How many organisations have spent their budget of fields here."""
        return sum(fields.is_full for fields in self._orgs.values())

    @property
    def is_busy(self) -> bool:
        """Whether something was decided that is not written down yet."""
        return bool(self.wanted) or any(fields.added for fields in self._orgs.values())

    def fields_of(self, org_id: OrgId) -> OrgFields:
        """The fields of one organisation, read from the catalogue the first time."""
        known = self._orgs.get(org_id)
        if known is not None:
            return known
        if time.monotonic() >= self._blind_until:
            try:
                paths = self._catalogued(org_id)
            except Unavailable:
                self._blind_until = time.monotonic() + _BLIND_SECONDS
            else:
                known = self._orgs[org_id] = OrgFields(self, org_id, paths)
                return known
        # Values then go to `rest`, which is as good for every filter.
        return OrgFields(self, org_id, (), is_closed=True)

    def make(self) -> None:
        """Makes the index with its mapping, if it is not there."""
        if self._is_made:
            return
        try:
            self._cluster.create(self.index, {"settings": SETTINGS, "mappings": MAPPINGS})
            answer = self._cluster.call("GET", f"/{self.index}/_mapping")
        except Missing as error:
            raise Unavailable("a partition was deleted as it was made") from error
        except Broken as error:  # too many shards, a template or a policy of somebody else
            raise Unavailable(f"a partition cannot be made: {error.detail}") from error
        properties = answer[self.index]["mappings"]["properties"]
        self.mapped = {name for name in properties if name.startswith("attr.")}
        self._is_made = True

    def begin_anew(self) -> None:
        """The index is gone: it is made again with every field that was decided on, so that records
        on their way fit it as they are."""
        self._is_made = False
        self.wanted = {**dict.fromkeys(self.mapped), **self.wanted}
        self.mapped = set()
        for fields in self._orgs.values():
            fields.begin_anew()

    def prepare(self) -> bool:
        """Writes down what was decided since the last call, the catalogue before the mapping.

        Whether it is mapped: else these values belong into `rest`, and the records have to be
        written again. `Unavailable`: it is all kept, for the next call.
        """
        try:
            return self._prepare()
        except Missing:
            self.begin_anew()
        try:
            return self._prepare()
        except Missing as error:
            raise Unavailable("a partition was deleted as it was made") from error

    def _prepare(self) -> bool:
        self.make()
        for fields in self._orgs.values():
            while fields.added:
                self._take_slots(fields)
        names = [name for name in self.wanted if name not in self.mapped]
        self.wanted.clear()
        try:
            if names:
                self._cluster.call("PUT", f"/{self.index}/_mapping", body=attribute_mappings(names))
        except Broken as error:
            # An operator's own limit or template: what is mapped by now stays all that is.
            log.warning("fields_not_mapped", index=self.index, fields=len(names), why=error.detail)
            self._is_refused = True
            for fields in self._orgs.values():
                fields.unmap(frozenset(names))
            return False
        except BaseException:
            self.wanted = {**dict.fromkeys(names), **self.wanted}
            raise
        self.mapped.update(names)
        return True

    def _catalogued(self, org_id: OrgId) -> list[str]:
        self.make()
        return catalogued_paths(self._cluster, self.index, org_id).get(self.index, [])

    def _take_slots(self, fields: OrgFields) -> None:
        """Writes the added fields to the next slots; those that are taken are read instead."""
        lines = []
        for slot, path in enumerate(fields.added, start=fields.slots):
            action = {"create": {"_index": self.index, "_id": _slot_key(fields.org_id, slot)}}
            lines += [
                orjson.dumps(action),
                orjson.dumps({"owner": fields.org_id.hex, "path": path}),
            ]
        answer = self._cluster.call_with_lines(
            "/_bulk", b"\n".join(lines) + b"\n", timeout=SHARD_PATIENCE
        )
        statuses = [item["create"]["status"] for item in answer["items"]]
        if _NOT_FOUND in statuses:
            raise Missing(self.index)
        if any(status not in (201, _CONFLICT) for status in statuses):
            raise Unavailable("the catalogue of fields takes no more")
        taken = [
            _slot_key(fields.org_id, slot)
            for slot, status in enumerate(statuses, start=fields.slots)
            if status == _CONFLICT
        ]
        there = self._paths_in(taken)
        written = [
            path for path, status in zip(fields.added, statuses, strict=True) if status == 201
        ]
        fields.slots += len(statuses)
        for path in there:
            fields.learn(path)
        fields.added = [path for path in fields.added if path not in {*written, *there}]

    def _paths_in(self, keys: list[str]) -> list[str]:
        if not keys:
            return []
        found = self._cluster.call("POST", f"/{self.index}/_mget", body={"ids": keys})
        return [doc["_source"]["path"] for doc in found["docs"] if doc.get("found")]


def _slot_key(org_id: OrgId, slot: int) -> str:
    return f"f{org_id.hex}-{slot}"


def catalogued_paths(cluster: Cluster, index: str, org_id: OrgId) -> dict[str, list[str]]:
    """The mapped paths of an organisation, by the index that says so."""
    body: Answer = {
        "query": {"term": {"owner": org_id.hex}},
        "size": _LISTED_PATHS,
        "track_total_hits": True,
        "sort": ["_doc"],
        "_source": ["path"],
    }
    answer = _search(cluster, index, body)
    if answer["hits"]["total"]["value"] <= _LISTED_PATHS:
        return _paths_by_index(answer)
    # All partitions together have more than one answer holds; none has so many alone.
    listed = {"terms": {"field": "_index", "size": _LISTED_PATHS}}
    answer = _search(cluster, index, {**body, "size": 0, "aggs": {"indices": listed}})
    found: dict[str, list[str]] = {}
    for bucket in answer["aggregations"]["indices"]["buckets"]:
        found |= _paths_by_index(_search(cluster, bucket["key"], body))
    return found


def _paths_by_index(answer: Answer) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for hit in answer["hits"]["hits"]:
        found.setdefault(hit["_index"], []).append(hit["_source"]["path"])
    return found


def _search(cluster: Cluster, index: str, body: dict[str, object]) -> Answer:
    try:
        return cluster.search(index, body)
    except Missing as error:
        raise Unavailable("the catalogue of fields cannot be read") from error
