"""The partitions that there are, and those that a shipper has opened."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from contextlib import suppress

from app.core.errors import ElkError, Unavailable
from app.logstore.elastic.cluster import Cluster, Missing
from app.logstore.elastic.mapping import template
from app.logstore.elastic.names import home_of_index, index_of
from app.logstore.elastic.partition import Partition
from app.logstore.partitions import Home, expires_ns, period_bounds, period_of
from app.logstore.places import PlaceDirectory
from app.logstore.types import NS_PER_SECOND, RoutedRecord

MAX_OPEN = 256
_LISTED_FOR_SECONDS = 10.0
# The next period's index is made so long before its first record.
AHEAD_NS = 3_600 * NS_PER_SECOND
# With failures, deleting takes no longer than this.
_DELETE_SECONDS = 20.0


class Shelf:
    """Used by one thread of a shipper."""

    def __init__(
        self, cluster: Cluster, places: PlaceDirectory, *, ahead_ns: int = AHEAD_NS
    ) -> None:
        """`ahead_ns`: how long before its first record a period's index is made."""
        self._cluster = cluster
        self._ahead_ns = ahead_ns
        self._places = places
        self._open: dict[Home, Partition] = {}
        self._listed: set[str] = set()
        self._listed_at = -math.inf
        self._has_template = False

    def home_of(self, record: RoutedRecord) -> Home:
        """The partition of a record."""
        places = self._places(record.org_id)
        return places.home_of(record.org_id, record.retention_class, record.observed_ns)

    def remembering(self, record: RoutedRecord, home: Home) -> list[str]:
        """The indices in which a sent id of this organisation and receive time may be known."""
        homes = self._places(record.org_id).remembering(record.org_id, home, record.observed_ns)
        return [index_of(self._cluster.prefix, one) for one in homes]

    def moved_between(self, record: RoutedRecord, home: Home) -> list[str]:
        """The indices of a partition and of what its records were moved to, if they were."""
        twins = self._places(record.org_id).with_twin(record.org_id, home)
        return [index_of(self._cluster.prefix, one) for one in twins] if len(twins) > 1 else []

    def existing(self, *, now_exactly: bool = False) -> set[str]:
        """The partitions' indices, as of some seconds ago, and all that were opened here."""
        now = time.monotonic()
        if now_exactly or now - self._listed_at >= _LISTED_FOR_SECONDS:
            self._listed = set(self._list())
            self._listed_at = now
        return self._listed | {partition.index for partition in self._open.values()}

    def forget_listing(self) -> None:
        """Has the indices listed again when they are next asked for."""
        self._listed_at = -math.inf

    def get(self, home: Home) -> Partition:
        """The partition, opened; its index is made when it is first asked for anything."""
        partition = self._open.get(home)
        if partition is None:
            self._ensure_template()
            if len(self._open) >= MAX_OPEN:
                self._open = {one: p for one, p in self._open.items() if p.is_busy}
            partition = self._open[home] = Partition(self._cluster, home)
        return partition

    @property
    def full_budgets(self) -> int:
        """How many organisations have no room for more fields, in how many partitions, together."""
        return sum(partition.full_budgets for partition in self._open.values())

    @property
    def full_mappings(self) -> int:
        """How many partitions have all the fields that they may have."""
        return sum(not partition.has_room for partition in self._open.values())

    def find(self, index: str) -> Partition:
        """The partition behind an index that was opened before."""
        home = home_of_index(self._cluster.prefix, index)
        if home is None:
            raise ValueError(index)
        return self.get(home)

    def forget(self, index: str) -> None:
        """The index is gone: it has to be made anew before it is used again."""
        home = home_of_index(self._cluster.prefix, index)
        if home is not None and home in self._open:
            self._open[home].begin_anew()
        self._listed.discard(index)

    def keep_up(self, now_ns: int, *, but: Collection[str] = ()) -> None:
        """Deletes what has expired, `but` the indices that records wait for, and makes the next ones.
        Where one of the two fails the other is done all the same: nothing may expire any more because
        nothing can be made, least of all when that is for want of room."""
        try:
            self.expire(now_ns, but=but)
        finally:
            self.make_ahead(now_ns)

    def expire(self, now_ns: int, *, but: Collection[str] = ()) -> None:
        """Deletes every partition whose retention is over, `but` those that records wait for. One that
        cannot be deleted keeps none of the others; it is `Unavailable` when they are gone."""
        kept: dict[str, ElkError] = {}
        until = time.monotonic() + _DELETE_SECONDS
        for index in self._list():
            home = home_of_index(self._cluster.prefix, index)
            if home is not None and now_ns >= expires_ns(home) and index not in but:
                try:
                    self._delete(index)
                except ElkError as error:
                    kept[home.name] = error
                    if time.monotonic() >= until:
                        break  # nobody answers: it is not about this one
        if kept:
            name, why = min(kept.items())
            raise Unavailable(
                f"{len(kept)} partitions have expired and cannot be deleted, {name} for one:"
                f" {why.detail}"
            ) from why

    def make_ahead(self, now_ns: int) -> None:
        """Makes the next period's index of everything that has records in this period. Who has none
        gets it with the first record: else what nobody uses any more would be made for ever."""
        names = set(self._list())
        wanted: dict[str, Home] = {}
        for index in names:
            home = home_of_index(self._cluster.prefix, index)
            if home is None:
                continue
            start, end = period_bounds(home.period)
            if start <= now_ns < end <= now_ns + self._ahead_ns:
                following = home._replace(period=period_of(home.retention_class, end))
                if index_of(self._cluster.prefix, following) not in names:
                    wanted[index] = following
        used = self._used() if wanted else set()
        for index, following in wanted.items():
            if index in used:
                self.get(following).make()

    def _delete(self, index: str) -> None:
        with suppress(Missing):  # another shipper was first
            self._cluster.call("DELETE", f"/{index}")
        home = home_of_index(self._cluster.prefix, index)
        if home is not None:
            self._open.pop(home, None)
        self._listed.discard(index)

    def _list(self) -> list[str]:
        answer = self._cluster.call(
            "GET",
            f"/{self._cluster.partitions}/_settings/index.uuid",
            params={"allow_no_indices": "true", "expand_wildcards": "all"},
        )
        return list(answer)

    def _used(self) -> set[str]:
        """The open indices in which anything is."""
        answer = self._cluster.call(
            "GET",
            f"/{self._cluster.partitions}/_stats/docs",
            params={"filter_path": "indices.*.primaries.docs.count"},
        )
        found = answer.get("indices", {})
        return {name for name, one in found.items() if one["primaries"]["docs"]["count"]}

    def _ensure_template(self) -> None:
        if not self._has_template:
            prefix = self._cluster.prefix
            self._cluster.call("PUT", f"/_index_template/{prefix}", body=template(prefix))
            self._has_template = True
