"""Records on their way to Elasticsearch: sent in batches beside the caller, sorted by what came back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.document import key_of
from app.logstore.elastic.entry import item_of
from app.logstore.elastic.known import SentIds
from app.logstore.elastic.lanes import Lanes
from app.logstore.elastic.refused import quarantined
from app.logstore.elastic.sending import BatchSize, Fate, Item, Sent, send
from app.logstore.elastic.shelf import Shelf
from app.logstore.identity import renamed
from app.logstore.types import Position, RoutedRecord

# Requests under way at once; one more batch may be in the making.
_REQUESTS = 2
# An item that comes back changed (renamed, its index made anew) is sent so often.
_ROUNDS = 4


class Outbox:
    """Used by one thread of a shipper; only whole requests run in others."""

    def __init__(
        self, cluster: Cluster, shelf: Shelf, sent_ids: SentIds, patience_seconds: float
    ) -> None:
        self._cluster = cluster
        self._shelf = shelf
        self._sent_ids = sent_ids
        self._patience_seconds = patience_seconds
        self._size = BatchSize()
        self._lanes = Lanes()
        self._waiting: list[Item] = []
        self._waiting_bytes = 0
        self._under_way: deque[Future[Sent]] = deque()
        self._touched: set[str] = set()
        self._pool = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="elastic-bulk")

    @property
    def refusing(self) -> tuple[str, ...]:
        """The indices that have a lane."""
        return self._lanes.indices

    def first_held(self, journal: str) -> Position | None:
        """The first entry of a journal that has a record in a lane."""
        return self._lanes.first(journal)

    def refuse_when_full(self) -> None:
        """Raises `Unavailable` while lanes are full, after trying them once more."""
        if self._lanes.is_full:
            self._try_lanes()
        if self._lanes.is_full:
            names = ", ".join(self._lanes.indices)
            raise Unavailable(f"too many records wait for partitions that refuse: {names}")

    def add(self, items: Sequence[Item]) -> None:
        """Takes records; sends what makes a whole batch."""
        for item in items:
            self._waiting.append(item)
            self._waiting_bytes += len(item.lines)
            if self._waiting_bytes >= self._size.bytes:
                self._send_waiting()

    def flush(self) -> None:
        """Sends everything and waits until it is stored or in a lane."""
        self._try_lanes()
        self._send_waiting()
        while self._under_way:
            self._settle(self._under_way.popleft().result())
        self._lanes.forget_empty()

    def refresh(self) -> None:
        """Makes everything that was stored visible."""
        if self._touched:
            self._cluster.call(
                "POST",
                f"/{','.join(sorted(self._touched))}/_refresh",
                params={"ignore_unavailable": "true"},
            )
            self._touched.clear()
        self._sent_ids.forget_waiting()
        for item in self._lanes.items():
            self._sent_ids.note(item.record, item.key)

    def drop(self) -> None:
        """Lets go of everything; requests under way are waited for, so that none comes late."""
        self._waiting, self._waiting_bytes = [], 0
        while self._under_way:
            self._under_way.popleft().exception()
        self._lanes.clear()
        self._sent_ids.forget_waiting()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _send_waiting(self) -> None:
        items, self._waiting, self._waiting_bytes = self._waiting, [], 0
        free = [item for item in items if item.index not in self._lanes]
        if len(free) < len(items):
            self._lanes.add((one for one in items if one.index in self._lanes), time.monotonic())
        ready = self._prepared(free)
        if not ready:
            return
        while len(self._under_way) >= _REQUESTS:
            self._settle(self._under_way.popleft().result())
        self._under_way.append(self._pool.submit(self._send, ready))

    def _send(self, items: Sequence[Item]) -> Sent:
        return send(self._cluster, items, self._size, patience_seconds=self._patience_seconds)

    def _prepared(self, items: Sequence[Item]) -> list[Item]:
        """Those whose index has the mapping for them; the others go into a lane."""
        closed: set[str] = set()
        for index in {item.index for item in items}:
            try:
                self._shelf.find(index).prepare()
            except Unavailable:
                closed.add(index)
        if closed:
            self._lanes.add((one for one in items if one.index in closed), time.monotonic())
        return [item for item in items if item.index not in closed]

    def _try_lanes(self) -> None:
        now = time.monotonic()
        due = self._prepared(self._lanes.take_due(now))
        if due:
            self._settle(self._send(due), is_lane=True)
        self._lanes.forget_empty()

    def _settle(self, sent: Sent, *, is_lane: bool = False) -> None:
        """Sorts the records of a request by their fate, sending again what has changed."""
        for _ in range(_ROUNDS):
            now = time.monotonic()
            self._touched.update(item.index for item in sent.those(Fate.STORED))
            refused = sent.those(Fate.REFUSED)
            if refused and is_lane:
                self._lanes.failed(refused, now)
            elif refused:
                self._lanes.add(refused, now)
            if Fate.BUSY in sent.fates:
                raise Unavailable("the log store is busy or cannot be reached")
            again = self._prepared(self._changed(sent))
            if not again:
                return
            sent = self._send(again)
        raise Unavailable("records came back too often")

    def _changed(self, sent: Sent) -> list[Item]:
        """What is sent again: renamed, into an index made anew, or as an entry of quarantine."""
        changed = [one for item in sent.those(Fate.THERE) if (one := self._if_another(item))]
        gone = sent.those(Fate.GONE)
        for index in {item.index for item in gone}:
            self._shelf.forget(index)
        changed += [self._made_again(item) for item in gone]
        for place, fate in enumerate(sent.fates):
            if fate is Fate.REJECTED:
                changed.append(self._quarantined(sent.items[place], sent.details.get(place, "")))
        return changed

    def _if_another(self, item: Item) -> Item | None:
        """The record under its derived id, if what is there is another one."""
        record = item.record
        if not record.is_sent or record.first_wins:
            return None
        if self._sent_ids.digest_of(item.index, item.key) in {record.digest, None}:
            return None
        other = renamed(record)
        return self._item(other._replace(first_wins=True), item.index, item.position)

    def _made_again(self, item: Item) -> Item:
        home = self._shelf.home_of(item.record)
        return self._item(item.record, self._shelf.get(home).index, item.position)

    def _quarantined(self, item: Item, detail: str) -> Item:
        entry = quarantined(item.record, detail)
        home = self._shelf.home_of(entry)
        return self._item(entry, self._shelf.get(home).index, item.position)

    def _item(self, record: RoutedRecord, index: str, position: Position) -> Item:
        fields = self._shelf.find(index).fields_of(record.org_id)
        return item_of(record, index, key_of(record), fields, position)
