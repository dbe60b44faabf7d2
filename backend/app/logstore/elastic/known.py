"""Which sent ids an organisation has used already: one `_mget` for the records of an entry, or of
several that come next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.document import is_made, made_key, sent_key
from app.logstore.elastic.names import home_of_index, org_tag
from app.logstore.elastic.starting import Patience, Starting
from app.logstore.identity import REMEMBERED_NS
from app.logstore.partitions import period_of
from app.logstore.types import HIDDEN_STREAM_PREFIX, RoutedRecord

_AT_ONCE = 5_000
_NO_INDEX = "index_not_found_exception"


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


# An index and an `_id`.
Place = tuple[str, str]
# A record, and the indices in which something may have its id.
Asked = tuple[RoutedRecord, Iterable[str]]
# What Elasticsearch tells of a document.
Source = Mapping[str, Any]

# What is told of a document that nobody can look at now, and what is known of it.
_UNREAD_SOURCE: Source = {}
UNREAD = Known(b"", 0)

# By `sent_key` all that is known under the id: more than one only near the border of periods.
Found = dict[str, list[Known]]


class SentIds:
    """What is known of sent ids, in Elasticsearch and among what waits to be sent.

    In its own partition an id is remembered as long as its record is kept, elsewhere for
    `REMEMBERED_NS`.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._starting = Starting(cluster)
        self.waiting: dict[str, Known] = {}
        # Ids of ours that wait, by `_id`: such records have no digest. Put together when somebody
        # sends one of them, which hardly anybody does.
        self._waiting_made: dict[str, OrgId] = {}
        self._not_together: list[tuple[Sequence[str], OrgId]] = []
        # What was at places (index, `_id`) before anything was sent that waits.
        self._foreseen: dict[Place, Source | None] = {}

    def find_waiting(self, record: RoutedRecord, key: str) -> Known | None:
        """What waits under the record's id, if it is remembered; `key` is its `sent_key`."""
        known = self.waiting.get(key)
        if known is not None:
            return known if self._is_remembered(known, record) else None
        if not is_made(record.id):
            return None
        for keys, org_id in self._not_together:
            self._waiting_made.update(dict.fromkeys(keys, org_id))
        self._not_together.clear()
        is_waiting = self._waiting_made.get(made_key(record.id)) == record.org_id
        return Known(b"", record.observed_ns) if is_waiting else None

    def note(self, record: RoutedRecord, key: str, place: str) -> None:
        """The record waits under this `_id` for this index."""
        if record.is_sent:
            self.waiting[key] = Known(record.digest, record.observed_ns, place, key)
        else:
            self._waiting_made[key] = record.org_id

    def note_made(self, keys: Sequence[str], org_id: OrgId) -> None:
        """Records with ids of ours wait under these `_id`s."""
        self._not_together.append((keys, org_id))

    def forget_waiting(self) -> None:
        """Elasticsearch has it all now, or it is dropped."""
        self.waiting.clear()
        self._waiting_made.clear()
        self._not_together.clear()
        self._foreseen.clear()

    def foresee(self, asked: Iterable[Asked]) -> None:
        """Asks now what `look_up` will be asked for several entries; what is stored meanwhile waits
        until `forget_waiting`."""
        places = list({(one.place, one.key) for one in _questions(asked)})
        self._foreseen = dict(zip(places, self._sources(places), strict=True))

    def look_up(self, asked: Iterable[Asked]) -> Found:
        """What Elasticsearch knows of the records' ids, each in the indices that it comes with."""
        questions = _questions(asked)
        places = [(one.place, one.key) for one in questions]
        unseen = [place for place in places if place not in self._foreseen]
        seen = dict(zip(unseen, self._sources(unseen), strict=True))
        found: Found = {}
        for one, place in zip(questions, places, strict=True):
            known = self._known(one, seen[place] if place in seen else self._foreseen[place])
            # Of what cannot be read nothing is known; whoever stores the record asks again.
            if known is not None and known is not UNREAD:
                record = one.record
                found.setdefault(sent_key(record.org_id, record.id), []).append(known)
        return found

    def ask(self, asked: Sequence[Question]) -> list[Known | None]:
        """What is at these places, if it is remembered; as it is this moment, also what no search
        sees yet. `UNREAD`, where nobody can look now."""
        places = [(one.place, one.key) for one in asked]
        sources = self._started_sources(places)
        return [self._known(one, source) for one, source in zip(asked, sources, strict=True)]

    def digests_of(self, places: Sequence[Place]) -> list[bytes | None]:
        """The digests of the records at these places."""
        return [_digest_of(source) if source else None for source in self._sources(places)]

    def can_be_read(self, index: str) -> bool:
        """Whether questions about an index are answered now."""
        return self._sources([(index, "-")]) == [None]

    def _known(self, one: Question, source: Source | None) -> Known | None:
        if source is _UNREAD_SOURCE:
            return UNREAD if self._is_of_class(one) else None
        if source is None or not _is_of(source, one.record.org_id):
            return None
        known = Known(_digest_of(source), source["observed"], one.place, one.key)
        return known if self._is_remembered(known, one.record) else None

    def _is_remembered(self, known: Known, record: RoutedRecord) -> bool:
        return is_remembered(known, record) or _is_same_period(
            known.place, record, self._cluster.prefix
        )

    def _is_of_class(self, one: Question) -> bool:
        """Whether the partition is of the record's own class: one of another class would only matter
        if its stream's retention had just changed."""
        home = home_of_index(self._cluster.prefix, one.place)
        return home is not None and home.retention_class == one.record.retention_class

    def _started_sources(self, places: Sequence[Place]) -> list[Source | None]:
        """The sources; of an index that is just being made when it has started."""
        sources = self._sources(places)
        unread = [
            place for place, source in zip(places, sources, strict=True) if source is _UNREAD_SOURCE
        ]
        if not unread or not Patience(self._starting).wait({index for index, _ in unread}):
            return sources
        again = dict(zip(unread, self._sources(unread), strict=True))
        return [again.get(place, one) for place, one in zip(places, sources, strict=True)]

    def _sources(self, places: Sequence[Place]) -> list[Source | None]:
        sources: list[Source | None] = []
        for start in range(0, len(places), _AT_ONCE):
            part = places[start : start + _AT_ONCE]
            answer = self._cluster.call(
                "POST",
                "/_mget",
                body={"docs": [{"_index": index, "_id": key} for index, key in part]},
                params={"_source_includes": "digest,observed,org"},
            )
            sources += map(_source_of, answer["docs"])
        return sources


def _source_of(document: Mapping[str, Any]) -> Source | None:
    if document.get("found"):
        source: Source = document["_source"]
        return source
    error = document.get("error", {}).get("type", _NO_INDEX)
    return None if error == _NO_INDEX else _UNREAD_SOURCE


def is_repetition(record: RoutedRecord, known: Sequence[Known]) -> bool:
    """Whether a record with a sent id is what is there already."""
    return any(record.first_wins or one.digest == record.digest for one in known)


def is_remembered(known: Known, record: RoutedRecord) -> bool:
    """Whether the two were received so close to each other that one can repeat the other."""
    return abs(record.observed_ns - known.observed_ns) <= REMEMBERED_NS


def _questions(asked: Iterable[Asked]) -> list[Question]:
    return [
        Question(index, key, record)
        for record, indices in asked
        for index in indices
        for key in _keys_of(record)
    ]


def _keys_of(record: RoutedRecord) -> list[str]:
    key = sent_key(record.org_id, record.id)
    return [key, made_key(record.id)] if is_made(record.id) else [key]


def _is_same_period(index: str, record: RoutedRecord, prefix: str) -> bool:
    home = home_of_index(prefix, index)
    return home is not None and (
        home.retention_class == record.retention_class
        and home.period == period_of(home.retention_class, record.observed_ns)
    )


def _digest_of(source: Source) -> bytes:
    return bytes.fromhex(source.get("digest", ""))


def _is_of(source: Source, org_id: OrgId) -> bool:
    return source["org"] in {org_tag(org_id, ""), org_tag(org_id, HIDDEN_STREAM_PREFIX)}
