"""Records on their way to Elasticsearch: sent in batches beside the caller, sorted by what came back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter

from app.core.errors import ElkError, Unavailable
from app.logstore.elastic import metrics
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.document import key_of
from app.logstore.elastic.entry import Entry, item_of
from app.logstore.elastic.known import SentIds
from app.logstore.elastic.lanes import Lanes, Waiting
from app.logstore.elastic.late import LateRepetitions
from app.logstore.elastic.refused import cut, quarantined
from app.logstore.elastic.sending import BatchSize, Fate, Form, Item, Sent, send
from app.logstore.elastic.shelf import Shelf
from app.logstore.identity import renamed
from app.logstore.types import Position, RoutedRecord

_BLIND = "it cannot be read, and records that came again may be in it"
# Requests under way at once; one more batch may be in the making.
_REQUESTS = 2
# The names in one request's path: Elasticsearch reads a first line of 4,096 bytes.
_MAX_NAMES = 3_000
# An item that comes back changed (renamed, its index made anew) is sent so often.
_ROUNDS = 6
_PLACE = attrgetter("place")
_LINES = attrgetter("lines")


class Outbox:
    """Used by one thread of a shipper; only whole requests run in others."""

    def __init__(
        self,
        cluster: Cluster,
        shelf: Shelf,
        sent_ids: SentIds,
        *,
        patience_seconds: float,
        lanes: Lanes,
    ) -> None:
        self._cluster = cluster
        self._shelf = shelf
        self._sent_ids = sent_ids
        self._patience_seconds = patience_seconds
        self._size = BatchSize()
        self._lanes = lanes
        self._waiting: list[Item] = []
        self._waiting_bytes = 0
        # Which id these get depends on what becomes of others that wait.
        self._doubtful: list[tuple[RoutedRecord, Position]] = []
        self._under_way: deque[Future[Sent]] = deque()
        self._sent_to: set[str] = set()
        # Indices for which records may wait that were written for fields that cannot be mapped.
        self._outdated: set[str] = set()
        self._tries: dict[str, Future[Sent]] = {}
        self._late = LateRepetitions(cluster, shelf, sent_ids)
        self._touched: set[str] = set()
        # Lanes are tried beside whatever else is sent: a shard on no node takes a second to say so.
        self._pool = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="elastic-bulk")
        self._lane_pool = ThreadPoolExecutor(1, thread_name_prefix="elastic-lane")

    @property
    def refusing(self) -> tuple[Waiting, ...]:
        """The indices that have a lane."""
        return self._lanes.waiting

    @property
    def indices(self) -> set[str]:
        """The indices that records wait for."""
        return self._sent_to | {item.place for item in (*self._waiting, *self._lanes.items())}

    @property
    def has_let_go(self) -> bool:
        """Whether an index is back of which not all that waited was kept."""
        return self._lanes.has_let_go

    def first_held(self, journal: str) -> Position | None:
        """The first entry of a journal that has a record in a lane."""
        return self._lanes.first(journal)

    def held(self, journal: str) -> set[int]:
        """The entries of a journal that have a record in a lane."""
        return self._lanes.numbers(journal)

    def add(self, entry: Entry, position: Position) -> None:
        """Takes records; sends what makes a whole batch."""
        self._doubtful += [(record, position) for record in entry.doubtful]
        self._note(entry)
        added_bytes = sum(map(len, map(_LINES, entry.items)))
        if self._waiting_bytes + added_bytes < self._size.bytes:
            self._waiting += entry.items
            self._waiting_bytes += added_bytes
            return
        for item in entry.items:
            self._put(item)

    def flush(self) -> None:
        """Sends everything and waits until it is stored or in a lane."""
        self._open_lanes()
        self._try_lanes()
        self._settle_all()
        while self._doubtful:
            self._decide()
            self._settle_all()
        removed = self._late.remove()
        self._touched |= removed.indices
        # As long as they cannot be removed, their entries come again.
        now = time.monotonic()
        self._lanes.add(removed.refused, now)
        # Stored, but not compared: their entries come again when that can be read.
        for index, position in sorted(removed.unread):
            self._lanes.let_go(index, position, now, reason=_BLIND)

    def refresh(self) -> None:
        """Makes everything that was stored visible."""
        for names in _fitting(sorted(self._touched)):
            self._cluster.call(
                "POST", f"/{','.join(names)}/_refresh", params={"ignore_unavailable": "true"}
            )
            self._touched.difference_update(names)

    def drop(self) -> None:
        """Lets go of everything; requests under way are waited for, so that none comes late."""
        self._waiting, self._waiting_bytes = [], 0
        self._doubtful.clear()
        for under_way in (*self._under_way, *self._tries.values()):
            under_way.exception()
        self._under_way.clear()
        self._sent_to.clear()
        self._outdated.clear()
        self._tries.clear()
        self._lanes.clear()
        self._late.forget()
        self._sent_ids.forget_waiting()
        self._shelf.forget_listing()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()
        self._lane_pool.shutdown()

    def _note(self, entry: Entry) -> None:
        """What an entry found in Elasticsearch."""
        self._touched |= entry.places
        self._late.note(entry.tried)

    def _put(self, item: Item) -> None:
        self._waiting.append(item)
        self._waiting_bytes += len(item.lines)
        if self._waiting_bytes >= self._size.bytes:
            self._send_waiting()

    def _settle_all(self) -> None:
        self._send_waiting()
        while self._under_way:
            self._settle(self._under_way.popleft().result())
        self._sent_to.clear()
        self._outdated.clear()
        self._sent_ids.forget_waiting()
        for item in self._lanes.items():
            self._sent_ids.note(item.record, item.key, item.place)

    def _decide(self) -> None:
        """Takes what was doubtful once more, now that what it depended on is stored or in a lane."""
        doubtful, self._doubtful = self._doubtful, []
        for record, position in doubtful:
            entry = Entry(self._shelf, self._sent_ids, position)
            entry.take([record])
            self._note(entry)
            for item in entry.items:
                self._put(item)
            for again in entry.doubtful:
                base = self._lanes.index_of(key_of(again))
                if base is None:
                    self._doubtful.append((again, position))
                else:
                    self._lanes.let_go(base, position, time.monotonic())

    def _send_waiting(self) -> None:
        items, self._waiting, self._waiting_bytes = self._waiting, [], 0
        free = items
        if self._lanes.waiting:
            free = [item for item in items if item.place not in self._lanes]
        if len(free) < len(items):
            self._lanes.add((one for one in items if one.place in self._lanes), time.monotonic())
        ready = self._prepared(free)
        if not ready:
            return
        while len(self._under_way) >= _REQUESTS:
            self._settle(self._under_way.popleft().result())
        self._sent_to.update(map(_PLACE, ready))
        self._under_way.append(self._pool.submit(self._send, ready))

    def _send(self, items: Sequence[Item]) -> Sent:
        return send(self._cluster, items, self._size, patience_seconds=self._patience_seconds)

    def _prepared(self, items: Sequence[Item]) -> list[Item]:
        """Those whose index has the mapping for them; the others go into a lane."""
        closed: dict[str, str] = {}
        for index in set(map(_PLACE, items)):
            try:
                self._prepare(index)
            except Unavailable as error:
                closed[index] = error.detail
        if not (closed or self._outdated):
            return list(items)
        now = time.monotonic()
        for index, why in closed.items():
            self._lanes.add((one for one in items if one.place == index), now, reason=why)
        return [
            self._rewritten(item) if item.place in self._outdated else item
            for item in items
            if item.place not in closed
        ]

    def _prepare(self, index: str) -> None:
        if not self._shelf.find(index).prepare():
            self._outdated.add(index)

    def _try_lanes(self) -> None:
        """Sends a few records of each lane whose turn it is; the next call of all looks what came."""
        now = time.monotonic()
        for index in self._lanes.due(now):
            if index in self._tries:
                continue
            first = self._lanes.first_of(index)
            if not first:
                self._tries[index] = self._lane_pool.submit(self._look_into, index)
                continue
            try:
                self._prepare(index)
            except Unavailable:
                self._lanes.failed(index, now)
                continue
            tried = [self._rewritten(item) for item in first]
            self._tries[index] = self._lane_pool.submit(
                send, self._cluster, tried, self._size, patience_seconds=0.0
            )

    def _look_into(self, index: str) -> Sent:
        """Tries an index that only has to be read."""
        try:
            can_be_read = self._sent_ids.can_be_read(index)
        except ElkError:
            can_be_read = False
        return Sent([], [] if can_be_read else [Fate.REFUSED])

    def _open_lanes(self) -> None:
        """Looks at the tries that have ended: a lane whose index took records is sent as a whole."""
        for index, tried in list(self._tries.items()):
            if not tried.done():
                continue
            del self._tries[index]
            if not {Fate.REFUSED, Fate.BUSY}.isdisjoint(tried.result().fates):
                self._lanes.failed(index, time.monotonic())
                continue
            # What was tried is sent once more: it meets itself, and is sorted like all else.
            for item in self._lanes.opened(index):
                self._put(self._rewritten(item))

    def _settle(self, sent: Sent) -> None:
        """Sorts the records of a request by their fate, sending again what has changed."""
        for _ in range(_ROUNDS):
            stored = sent.those(Fate.STORED)
            self._late.note(stored)
            self._touched.update(map(_PLACE, (*stored, *sent.those(Fate.THERE))))
            if sent.is_all_stored:
                metrics.REQUESTS.labels("answered").inc()
                return
            metrics.REQUESTS.labels("busy" if sent.is_all_busy else "answered").inc()
            if sent.is_all_busy:
                raise Unavailable("the log store is busy or cannot be reached")
            now = time.monotonic()
            for item, why in sent.told(Fate.REFUSED, Fate.BUSY):
                self._lanes.add([item], now, reason=why)
            again = self._prepared(self._changed(sent))
            if not again:
                return
            sent = self._send(again)
        raise Unavailable("records came back too often")

    def _changed(self, sent: Sent) -> list[Item]:
        """What is sent again: renamed, into an index made anew, or as an entry of quarantine."""
        changed = self._others(sent.those(Fate.THERE))
        gone = sent.those(Fate.GONE)
        for index in {item.place for item in gone}:
            self._shelf.forget(index)
        changed += gone
        for item, detail in sent.told(Fate.REJECTED):
            if item.form is Form.CUT:
                # Not about the record any more: its quarantine takes nothing.
                self._lanes.add([item], time.monotonic(), reason=detail)
            else:
                changed.append(self._quarantined(item, detail))
        return changed

    def _others(self, items: Sequence[Item]) -> list[Item]:
        """The records under their derived id whose `_id` belongs to another one."""
        asked = [one for one in items if one.record.is_sent]
        digests = self._sent_ids.digests_of([(one.place, one.key) for one in asked])
        others = []
        for item, digest in zip(asked, digests, strict=True):
            if digest == item.record.digest:
                self._late.note([item])
            elif digest is None:
                others.append(item)  # it went as we looked
            elif not (item.record.first_wins or item.sent_id):
                other = self._item(renamed(item.record), item.place, item.position)
                others.append(other._replace(sent_id=item.record.id))
        return others

    def _rewritten(self, item: Item) -> Item:
        """The same, for the mapping as it is now."""
        again = self._item(item.record, item.place, item.position)
        return item._replace(lines=again.lines)

    def _quarantined(self, item: Item, detail: str) -> Item:
        if item.form is Form.RECORD:
            metrics.QUARANTINED.inc()
            entry, form = quarantined(item.record, detail), Form.QUARANTINED
        else:
            entry, form = cut(item.record), Form.CUT
        index = self._shelf.get(self._shelf.home_of(entry)).index
        return self._item(entry, index, item.position)._replace(form=form)

    def _item(self, record: RoutedRecord, index: str, position: Position) -> Item:
        fields = self._shelf.find(index).fields_of(record.org_id)
        return item_of(record, index, key_of(record), fields, position)


def _fitting(names: Sequence[str]) -> Iterator[list[str]]:
    """The names in parts that fit into a path."""
    part: list[str] = []
    for name in names:
        if part and sum(map(len, part)) + len(part) + len(name) > _MAX_NAMES:
            yield part
            part = []
        part.append(name)
    if part:
        yield part
