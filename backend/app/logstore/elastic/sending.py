"""Requests to `_bulk`: their size, their patience, and what became of every record."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from app.core.errors import TooLarge, Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.types import Position, RoutedRecord

MIN_BYTES = 256 << 10
MAX_BYTES = 8 << 20
_START_BYTES = 4 << 20
_SLOW_SECONDS = 2.0
_FAST_SECONDS = 0.5

_FIRST_NAP_SECONDS = 0.05
_LONGEST_NAP_SECONDS = 2.0
_BULK_SECONDS = 30.0
# What is asked back for every record: nothing else is looked at.
_WANTED = (
    "errors,items.create.status,items.create.error.type,items.create.error.reason"
    ",items.create.error.caused_by.reason"
)
# What Elasticsearch says when one index takes no records, and what we say.
REFUSALS = {
    "cluster_block_exception": "a block is on it: an operator's, or that of a full disk",
    "unavailable_shards_exception": "its shard is on no node",
    "index_closed_exception": "it is closed",
    "security_exception": "our user may not write to it",
}
_MAX_REASON = 400
# An index of which a part is on no node is waited for so long within a request.
SHARD_PATIENCE = "1s"


class Form(Enum):
    """As what a record is sent."""

    RECORD = "record"
    QUARANTINED = "quarantined"  # it was rejected: an entry of quarantine with all of it
    CUT = "cut"  # that was too large still: with its beginning only


class Item(NamedTuple):
    """A record on its way: the two lines of it, and where in the journal it came from.

    A tuple with names, not a dataclass: one is made per record on the hot path.
    """

    place: str  # an index
    key: str
    lines: bytes
    record: RoutedRecord
    position: Position
    form: Form = Form.RECORD
    # The id that was sent, of a record under one that is derived from it.
    sent_id: str = ""


class Fate(Enum):
    """What became of a record."""

    STORED = "stored"
    THERE = "there"  # its `_id` is taken
    BUSY = "busy"  # the cluster has no room now
    REFUSED = "refused"  # its index takes no records for now
    GONE = "gone"  # its index is not there any more
    REJECTED = "rejected"  # it can never be stored as it is


@dataclass(slots=True)
class Sent:
    """The fates of a batch; `details` says why for those that are not stored."""

    items: Sequence[Item]
    fates: list[Fate]
    details: dict[int, str] = field(default_factory=dict)

    @property
    def is_all_busy(self) -> bool:
        """Whether nobody took anything: it is not about one index."""
        return all(fate is Fate.BUSY for fate in self.fates)

    @property
    def is_all_stored(self) -> bool:
        """Whether nothing is left to do."""
        return self.fates.count(Fate.STORED) == len(self.fates)

    def those(self, fate: Fate) -> list[Item]:
        """The items of one fate."""
        if self.fates.count(fate) == len(self.fates):
            return list(self.items)
        return [item for item, one in zip(self.items, self.fates, strict=True) if one is fate]

    def told(self, *fates: Fate) -> list[tuple[Item, str]]:
        """The items of these fates, and why each is not stored."""
        return [
            (item, self.details.get(place, ""))
            for place, (item, one) in enumerate(zip(self.items, self.fates, strict=True))
            if one in fates
        ]


_WITH_DETAIL = frozenset({Fate.REJECTED, Fate.REFUSED, Fate.BUSY})


class BatchSize:
    """How many bytes a request has: fewer when Elasticsearch is slow or busy, more when it is not.

    Read and written by several threads; a lost change costs nothing.
    """

    def __init__(self) -> None:
        self.bytes = _START_BYTES

    def took(self, seconds: float) -> None:
        """A request succeeded."""
        if seconds > _SLOW_SECONDS:
            self.shrink()
        elif seconds < _FAST_SECONDS:
            self.bytes = min(MAX_BYTES, self.bytes * 5 // 4)

    def shrink(self) -> None:
        """A request was too much."""
        self.bytes = max(MIN_BYTES, self.bytes // 2)


def send(
    cluster: Cluster, items: Sequence[Item], size: BatchSize, *, patience_seconds: float
) -> Sent:
    """Sends a batch, what is busy again and again with growing pauses until patience ends."""
    until = time.monotonic() + patience_seconds
    nap = _FIRST_NAP_SECONDS
    sent = _attempt(cluster, items, size)
    while Fate.BUSY in sent.fates and (left := until - time.monotonic()) > 0:
        # Jitter, so that shippers do not come back all at once.
        time.sleep(min(left, nap * random.uniform(0.5, 1.0)))  # noqa: S311 — no secret
        nap = min(_LONGEST_NAP_SECONDS, nap * 2)
        again = _attempt(cluster, sent.those(Fate.BUSY), size)
        _merge(sent, again)
    return sent


def _attempt(cluster: Cluster, items: Sequence[Item], size: BatchSize) -> Sent:
    began = time.monotonic()
    try:
        answer = cluster.call_with_lines(
            "/_bulk",
            b"".join([item.lines for item in items]),
            seconds=_BULK_SECONDS,
            filter_path=_WANTED,
            timeout=SHARD_PATIENCE,
        )
    except Unavailable as error:
        size.shrink()
        return Sent(items, [Fate.BUSY] * len(items), {0: error.detail})
    except TooLarge as error:
        size.shrink()
        if len(items) == 1:
            return Sent(items, [Fate.REJECTED], {0: error.detail})
        half = len(items) // 2
        first, second = _attempt(cluster, items[:half], size), _attempt(cluster, items[half:], size)
        details = {half + place: why for place, why in second.details.items()}
        return Sent(items, first.fates + second.fates, first.details | details)
    if not answer["errors"]:
        size.took(time.monotonic() - began)
        return Sent(items, [Fate.STORED] * len(items))
    sent = Sent(items, [])
    for place, result in enumerate(answer["items"]):
        outcome = result["create"]
        fate = _fate(outcome)
        sent.fates.append(fate)
        if fate in _WITH_DETAIL:
            sent.details[place] = _detail(outcome)
    if Fate.BUSY in sent.fates:
        size.shrink()
    else:
        size.took(time.monotonic() - began)
    return sent


def _fate(outcome: dict[str, Any]) -> Fate:
    status = outcome["status"]
    kind = outcome.get("error", {}).get("type", "")
    if status in (200, 201):
        return Fate.STORED
    if status == 409:
        return Fate.THERE
    if kind in REFUSALS:
        return Fate.REFUSED
    if kind == "index_not_found_exception":
        return Fate.GONE
    if status == 429 or status >= 500:
        return Fate.BUSY
    return Fate.REJECTED


def _detail(outcome: dict[str, Any]) -> str:
    error = outcome.get("error", {})
    told = (error.get("reason"), error.get("caused_by", {}).get("reason"))
    said = ": ".join(str(one)[:_MAX_REASON] for one in told if one)
    return REFUSALS.get(error.get("type", ""), said)


def _merge(sent: Sent, again: Sent) -> None:
    """Puts the fates of a second try in the place of those that were busy."""
    places = [place for place, fate in enumerate(sent.fates) if fate is Fate.BUSY]
    for second, place in enumerate(places):
        sent.fates[place] = again.fates[second]
        if second in again.details:
            sent.details[place] = again.details[second]
