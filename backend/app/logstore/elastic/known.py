"""Which sent ids an organisation has used already: one `_mget` for the records of an entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.document import is_made, made_key, sent_key
from app.logstore.elastic.names import index_of, org_tag
from app.logstore.identity import REMEMBERED_NS
from app.logstore.partitions import Home, period_of, previous, remembers_previous
from app.logstore.types import HIDDEN_STREAM_PREFIX, RETENTION_CLASSES, RoutedRecord

_AT_ONCE = 5_000


class Known(NamedTuple):
    """A record that has the id: the digest of its bytes, and when it was received."""

    digest: bytes
    observed_ns: int


class SentIds:
    """What is known of sent ids, in Elasticsearch and among what waits to be sent.

    In its own partition an id is remembered as long as its record is kept, elsewhere for
    `REMEMBERED_NS`.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.waiting: dict[str, Known] = {}
        # Ids of ours that wait, by `_id`: such records have no digest.
        self.waiting_made: dict[str, OrgId] = {}

    def find_waiting(self, record: RoutedRecord, key: str) -> Known | None:
        """What waits under the record's id; `key` is its `sent_key`."""
        known = self.waiting.get(key)
        if known is not None or not is_made(record.id):
            return known
        is_waiting = self.waiting_made.get(made_key(record.id)) == record.org_id
        return Known(b"", record.observed_ns) if is_waiting else None

    def note(self, record: RoutedRecord, key: str) -> None:
        """The record waits under this `_id`."""
        if record.is_sent:
            self.waiting[key] = Known(record.digest, record.observed_ns)
        else:
            self.waiting_made[key] = record.org_id

    def forget_waiting(self) -> None:
        """Elasticsearch has it all now, or it is dropped."""
        self.waiting.clear()
        self.waiting_made.clear()

    def look_up(
        self, records: Sequence[tuple[RoutedRecord, Home]], existing: Iterable[str]
    ) -> dict[str, Known]:
        """By `sent_key`, what Elasticsearch knows of the records' ids."""
        there = set(existing)
        asked: list[tuple[dict[str, Any], RoutedRecord, bool]] = []
        homes: dict[tuple[Home, int], list[str]] = {}
        for record, home in records:
            candidates = homes.get((home, record.observed_ns))
            if candidates is None:
                candidates = [
                    name
                    for name in _remembering(self._cluster.prefix, home, record.observed_ns)
                    if name in there
                ]
                homes[home, record.observed_ns] = candidates
            keys = [sent_key(record.org_id, record.id)]
            if is_made(record.id):
                keys.append(made_key(record.id))
            own = index_of(self._cluster.prefix, home)
            asked += [
                ({"_index": name, "_id": key}, record, name == own)
                for name in candidates
                for key in keys
            ]
        found: dict[str, Known] = {}
        for start in range(0, len(asked), _AT_ONCE):
            self._ask(asked[start : start + _AT_ONCE], found)
        return found

    def _ask(
        self, asked: Sequence[tuple[dict[str, Any], RoutedRecord, bool]], found: dict[str, Known]
    ) -> None:
        answer = self._cluster.call(
            "POST",
            "/_mget",
            body={"docs": [one for one, _, _ in asked]},
            params={"_source_includes": "digest,observed,org"},
        )
        for document, (_, record, is_own) in zip(answer["docs"], asked, strict=True):
            if not document.get("found") or not _is_of(document["_source"], record.org_id):
                continue
            known = _known(document["_source"])
            if is_own or record.observed_ns - known.observed_ns <= REMEMBERED_NS:
                found[sent_key(record.org_id, record.id)] = known

    def digest_of(self, index: str, key: str) -> bytes | None:
        """The digest of the record under an `_id`."""
        body = {"docs": [{"_index": index, "_id": key}]}
        (document,) = self._cluster.call("POST", "/_mget", body=body)["docs"]
        return _known(document["_source"]).digest if document.get("found") else None


def _known(source: Mapping[str, Any]) -> Known:
    return Known(bytes.fromhex(source.get("digest", "")), source["observed"])


def _is_of(source: Mapping[str, Any], org_id: OrgId) -> bool:
    return source["org"] in {org_tag(org_id, ""), org_tag(org_id, HIDDEN_STREAM_PREFIX)}


def _remembering(prefix: str, home: Home, observed_ns: int) -> list[str]:
    """The partitions in which a sent id may be known at this receive time, of any class."""
    homes = [home]
    for days in RETENTION_CLASSES:
        one = Home(days, home.pool, period_of(days, observed_ns))
        homes += [one, previous(one)] if remembers_previous(one, observed_ns) else [one]
    return [index_of(prefix, one) for one in dict.fromkeys(homes)]
