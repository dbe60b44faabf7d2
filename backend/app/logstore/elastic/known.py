"""Which sent ids an organisation has used already: one `_mget` for the records of an entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.document import is_made, made_key, sent_key
from app.logstore.elastic.names import home_of_index, org_tag
from app.logstore.identity import REMEMBERED_NS
from app.logstore.partitions import period_of
from app.logstore.types import HIDDEN_STREAM_PREFIX, RoutedRecord

_AT_ONCE = 5_000


class Known(NamedTuple):
    """A record that has the id: the digest of its bytes, when it was received, and where it is."""

    digest: bytes
    observed_ns: int
    place: str = ""  # its index
    key: str = ""  # its `_id`


class Question(NamedTuple):
    """A document that may have a record's id."""

    place: str  # an index
    key: str
    record: RoutedRecord


# By `sent_key` all that is known under the id: more than one only near the border of periods.
Found = dict[str, list[Known]]


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

    def note_made(self, keys: Sequence[str], org_id: OrgId) -> None:
        """Records with ids of ours wait under these `_id`s."""
        self.waiting_made.update(dict.fromkeys(keys, org_id))

    def forget_waiting(self) -> None:
        """Elasticsearch has it all now, or it is dropped."""
        self.waiting.clear()
        self.waiting_made.clear()

    def look_up(self, asked: Iterable[tuple[RoutedRecord, Iterable[str]]]) -> Found:
        """What Elasticsearch knows of the records' ids, each in the indices that it comes with."""
        questions = [
            Question(index, key, record)
            for record, indices in asked
            for index in indices
            for key in _keys_of(record)
        ]
        found: Found = {}
        for (_, _, record), known in zip(questions, self.ask(questions), strict=True):
            if known is not None:
                found.setdefault(sent_key(record.org_id, record.id), []).append(known)
        return found

    def ask(self, asked: Sequence[Question]) -> list[Known | None]:
        """What is at these places, if it is remembered; as it is this moment, also what no search
        sees yet."""
        found: list[Known | None] = []
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            answer = self._cluster.call(
                "POST",
                "/_mget",
                body={"docs": [{"_index": one.place, "_id": one.key} for one in part]},
                params={"_source_includes": "digest,observed,org"},
            )
            found += [
                self._known(one, document["_source"]) if document.get("found") else None
                for document, one in zip(answer["docs"], part, strict=True)
            ]
        return found

    def _known(self, one: Question, source: Mapping[str, Any]) -> Known | None:
        if not _is_of(source, one.record.org_id):
            return None
        digest = bytes.fromhex(source.get("digest", ""))
        known = Known(digest, source["observed"], one.place, one.key)
        if is_remembered(known, one.record):
            return known
        return known if _is_same_period(one.place, one.record, self._cluster.prefix) else None

    def digests_of(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """The digests of the records at these places (index, `_id`)."""
        digests: list[bytes | None] = []
        for start in range(0, len(places), _AT_ONCE):
            part = places[start : start + _AT_ONCE]
            answer = self._cluster.call(
                "POST",
                "/_mget",
                body={"docs": [{"_index": index, "_id": key} for index, key in part]},
                params={"_source_includes": "digest"},
            )
            digests += [
                bytes.fromhex(one["_source"].get("digest", "")) if one.get("found") else None
                for one in answer["docs"]
            ]
        return digests


def is_repetition(record: RoutedRecord, known: Sequence[Known]) -> bool:
    """Whether a record with a sent id is what is there already."""
    return any(record.first_wins or one.digest == record.digest for one in known)


def is_remembered(known: Known, record: RoutedRecord) -> bool:
    """Whether the two were received so close to each other that one can repeat the other."""
    return abs(record.observed_ns - known.observed_ns) <= REMEMBERED_NS


def _keys_of(record: RoutedRecord) -> list[str]:
    key = sent_key(record.org_id, record.id)
    return [key, made_key(record.id)] if is_made(record.id) else [key]


def _is_same_period(index: str, record: RoutedRecord, prefix: str) -> bool:
    home = home_of_index(prefix, index)
    return home is not None and (
        home.retention_class == record.retention_class
        and home.period == period_of(home.retention_class, record.observed_ns)
    )


def _is_of(source: Mapping[str, Any], org_id: OrgId) -> bool:
    return source["org"] in {org_tag(org_id, ""), org_tag(org_id, HIDDEN_STREAM_PREFIX)}
