"""The shipper's end of the bus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol
from uuid import UUID

from app.core.ids import OrgId, uuid7
from app.live.frames import frames_of
from app.live.metrics import DROPPED, PUBLISHED
from app.logstore.types import RoutedRecord


class Publisher(Protocol):
    """Carries frames to whoever listens, for one thread; never waits for a slow one."""

    def wanted(self) -> frozenset[OrgId]:
        """The organisations that somebody listens to, as known at most a second ago. Any thread."""
        ...

    def publish(self, org_id: OrgId, frame: bytes) -> bool:
        """Hands a frame on; `False` when it could not be."""
        ...

    def close(self) -> None:
        """Nobody is reached afterwards."""
        ...


class LiveObserver:
    """Puts committed records on the bus, those of organisations that somebody listens to."""

    name = "live"

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._id: UUID = uuid7()
        self._sent: defaultdict[OrgId, int] = defaultdict(int)

    def wants(self, org_id: OrgId) -> bool:
        return org_id in self._publisher.wanted()

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        wanted = self._publisher.wanted()
        if len(self._sent) > len(wanted):
            # Whoever comes back begins to count anew.
            self._sent = defaultdict(
                int, {org: self._sent[org] for org in wanted & set(self._sent)}
            )
        for org_id, own in _by_organisation(records):
            if org_id in wanted:
                self._publish(org_id, own)

    def close(self) -> None:
        self._publisher.close()

    def _publish(self, org_id: OrgId, records: Sequence[RoutedRecord]) -> None:
        for head, frame in frames_of(records, publisher=self._id, before=self._sent[org_id]):
            self._sent[org_id] += head.count
            if self._publisher.publish(org_id, frame):
                PUBLISHED.inc(head.count)
            else:
                DROPPED.labels("publisher").inc(head.count)


def _by_organisation(
    records: Sequence[RoutedRecord],
) -> Iterator[tuple[OrgId, Sequence[RoutedRecord]]]:
    for org_id, group in groupby(records, key=lambda record: record.org_id):
        yield org_id, list(group)
