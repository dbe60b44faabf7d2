"""Repetitions that only show when both copies are stored: in two partitions, by two shippers.

Within a partition an `_id` is unique. At the border of two periods (or of two retention classes) two
shippers may each look for a sent id in the other's partition, find nothing, and store it. So whoever
has stored one looks again, after his own copy can be found and before his commit: one of the two sees
both. Which copy stays depends on the copies alone, whoever looks: one under the sent id, rather than
one under an id derived from it, and of these the one in the earliest partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.logstore.elastic import metrics
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.document import sent_key
from app.logstore.elastic.known import UNREAD, Known, Question, SentIds
from app.logstore.elastic.names import home_of_index
from app.logstore.elastic.sending import REFUSALS, SHARD_PATIENCE, Item
from app.logstore.elastic.shelf import Shelf
from app.logstore.identity import derived_id, renamed
from app.logstore.partitions import period_bounds
from app.logstore.types import Position

_GONE = frozenset({200, 404})


# What it depends on where else a record may be: organisation, index, receive time.
_Place = tuple[OrgId, str, int]


class _Copies(NamedTuple):
    """A record that was stored, its two possible `_id`s, and what else is at these."""

    item: Item
    keys: tuple[str, str]
    others: list[Known]


class Removed(NamedTuple):
    """The indices that have changed; and copies whose index lets none go, as what waits for it: to
    be sent there once more, which finds them again."""

    indices: set[str]
    refused: list[Item]
    # Indices in which nobody could look, each with the entry of a record that may be there too.
    unread: set[tuple[str, Position]]


class LateRepetitions:
    """Used by one thread of a shipper."""

    def __init__(self, cluster: Cluster, shelf: Shelf, sent_ids: SentIds) -> None:
        self._cluster = cluster
        self._shelf = shelf
        self._sent_ids = sent_ids
        self._stored: list[Item] = []

    def note(self, items: Iterable[Item]) -> None:
        """These are in Elasticsearch."""
        self._stored += [item for item in items if item.record.is_sent]

    def forget(self) -> None:
        """They will be appended again, and looked up then."""
        self._stored.clear()

    def remove(self) -> Removed:
        """Removes what is stored twice."""
        stored, self._stored = self._stored, []
        elsewhere = self._elsewhere(stored)
        asked: list[tuple[_Copies, Question]] = []
        for item in stored:
            indices = elsewhere[_place_of(item)]
            if not indices:
                continue
            copies = _Copies(item, _keys_of(item), [])
            # Also its own index, where somebody who knew less or more may have taken the other id.
            asked += [
                (copies, Question(index, key, item.record))
                for index in (item.place, *indices)
                for key in copies.keys
                if (index, key) != (item.place, item.key)
            ]
        found = self._sent_ids.ask([question for _, question in asked])
        twice: dict[int, _Copies] = {}
        unread: set[tuple[str, Position]] = set()
        for (copies, question), known in zip(asked, found, strict=True):
            if known is UNREAD:
                unread.add((question.place, copies.item.position))
            elif known is not None:
                copies.others.append(known)
                twice[id(copies)] = copies
        unwanted = {
            (copy.place, copy.key): copy
            for copies in twice.values()
            for copy in self._unwanted(copies)
        }
        removed = Removed(set(), [], unread)
        if unwanted:
            self._delete(unwanted, removed)
        return removed

    def _elsewhere(self, stored: Sequence[Item]) -> dict[_Place, list[str]]:
        """Where else the records may be, of what there is this moment."""
        there = self._shelf.existing(now_exactly=True) if stored else set()
        names: dict[_Place, list[str]] = {}
        for item in stored:
            key = _place_of(item)
            if key not in names:
                places = self._shelf.remembering(item.record, self._shelf.home_of(item.record))
                names[key] = [
                    name for name in places if name in there and not self._is_copy(name, item.place)
                ]
        return names

    def _is_copy(self, index: str, other: str) -> bool:
        """Whether the two are of one period and class: what is in both was moved from one to the
        other, by somebody who looks after it himself."""
        one, two = (home_of_index(self._cluster.prefix, name) for name in (index, other))
        if one is None or two is None:
            return True
        return (one.retention_class, one.period) == (two.retention_class, two.period)

    def _unwanted(self, copies: _Copies) -> list[Item]:
        """All copies but the one that stays."""
        item, (base, _), found = copies
        own = self._rank(item.place, item.key, base)
        same = [one for one in found if one.digest == item.record.digest]
        repeated = [one for one in found if one.key == base] if item.record.first_wins else same
        if any(self._rank(one.place, one.key, base) < own for one in repeated):
            return [item]
        return [
            item._replace(
                place=one.place,
                key=one.key,
                record=item.record if one.key == item.key else renamed(item.record),
                sent_id="" if one.key == base else item.sent_id or item.record.id,
            )
            for one in same
        ]

    def _rank(self, index: str, key: str, base: str) -> tuple[bool, int, str]:
        """Orders copies; those in partitions of one time in some way, but always the same."""
        home = home_of_index(self._cluster.prefix, index)
        return key != base, (0 if home is None else period_bounds(home.period)[0]), index

    def _delete(self, unwanted: Mapping[tuple[str, str], Item], removed: Removed) -> None:
        places = sorted(unwanted)
        lines = b"".join(
            orjson.dumps({"delete": {"_index": index, "_id": key}}) + b"\n" for index, key in places
        )
        answer = self._cluster.call_with_lines("/_bulk", lines, timeout=SHARD_PATIENCE)
        for place, told in zip(places, answer["items"], strict=True):
            outcome = told["delete"]
            if outcome["status"] in _GONE:
                removed.indices.add(place[0])
                metrics.REPEATED_LATE.inc()
            elif outcome.get("error", {}).get("type") in REFUSALS:
                removed.refused.append(unwanted[place])
            else:
                raise Unavailable("a repetition could not be removed")


def _place_of(item: Item) -> _Place:
    return item.record.org_id, item.place, item.record.observed_ns


def _keys_of(item: Item) -> tuple[str, str]:
    """The `_id` under the sent id, and the one under the id that is derived from it."""
    org_id, sent_id = item.record.org_id, item.sent_id or item.record.id
    derived = derived_id(org_id, sent_id, item.record.digest)
    return sent_key(org_id, sent_id), sent_key(org_id, derived)
