"""The partitions that a reader holds open, and what it knows of those that it does not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from app.core.errors import Unavailable
from app.logstore.embedded.partition import INDEX, Partition, Snapshot, version_of
from app.logstore.embedded.shelf import broken_in, directory_of, homes_in
from app.logstore.embedded.source import BlockCache, Damaged
from app.logstore.partitions import Home

MAX_OPEN = 64
CACHE_BYTES = 48 << 20

Version = tuple[int, int, int]


class Extent(NamedTuple):
    """The least and greatest @timestamp of a commit."""

    version: Version
    least: int
    greatest: int

    def overlaps(self, from_ns: int, to_ns: int) -> bool:
        """Whether a record may lie in [`from_ns`, `to_ns`)."""
        return self.least < to_ns and self.greatest >= from_ns


class Opened:
    """Opens partitions when they are asked for; at most MAX_OPEN at a time."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._cache = BlockCache(CACHE_BYTES)
        self._open: OrderedDict[Home, Partition] = OrderedDict()
        self._extents: dict[Home, Extent] = {}
        self._failed: dict[str, Version | None] = {}
        self._lock = Lock()

    def overlapping(self, from_ns: int, to_ns: int, skipped: list[str]) -> Iterator[Snapshot]:
        """The partitions that may have records in the range, newest first.

        Names of those that cannot be read are added to `skipped`.
        """
        homes = sorted(homes_in(self._location), key=_newest_first, reverse=True)
        self._forget(set(homes))
        skipped += broken_in(self._location)
        for home in homes:
            snapshot = self._snapshot(home, from_ns, to_ns, skipped)
            if snapshot is not None and snapshot.state.overlaps(from_ns, to_ns):
                yield snapshot

    def report(self, name: str) -> None:
        """Remembers that a partition turned out to be damaged while it was read."""
        self._failed[name] = None

    def is_sound(self, name: str) -> bool:
        """Whether the partition of this name, opened anew, answers to simple questions."""
        for home in homes_in(self._location):
            if home.name == name:
                try:
                    Partition(
                        directory_of(self._location, home), home, self._cache
                    ).snapshot().probe()
                except (Damaged, Unavailable, FileNotFoundError):
                    return False
        return True

    def damaged(self) -> list[str]:
        """The names of partitions that could not be read when last tried, or are set aside."""
        return [*self._failed, *broken_in(self._location)]

    def close(self) -> None:
        """Lets go of all partitions."""
        with self._lock:
            self._open.clear()

    def _snapshot(
        self, home: Home, from_ns: int, to_ns: int, skipped: list[str]
    ) -> Snapshot | None:
        try:
            version = _version(self._location, home)
            extent = self._extents.get(home)
            is_known = extent is not None and extent.version == version
            if extent is not None and is_known and not extent.overlaps(from_ns, to_ns):
                return None
            snapshot = self._partition(home).snapshot()
        except FileNotFoundError:
            return None  # it has no commit yet, or was removed
        except Damaged:
            self._failed[home.name] = version
            skipped.append(home.name)
            return None
        if self._failed.get(home.name) is not None:
            del self._failed[home.name]
        self._extents[home] = Extent(version, snapshot.state.least, snapshot.state.greatest)
        return snapshot

    def _partition(self, home: Home) -> Partition:
        with self._lock:
            partition = self._open.get(home)
            directory = directory_of(self._location, home)
            if partition is None or not partition.is_still_at(directory):
                self._failed.pop(home.name, None)
                partition = self._open[home] = Partition(directory, home, self._cache)
                if len(self._open) > MAX_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(home)
            return partition

    def _forget(self, homes: set[Home]) -> None:
        with self._lock:
            for gone in self._extents.keys() - homes:
                self._extents.pop(gone, None)
                self._open.pop(gone, None)
                self._failed.pop(gone.name, None)


def _version(location: Path, home: Home) -> Version:
    return version_of(directory_of(location, home) / INDEX / "meta.json")


def _newest_first(home: Home) -> tuple[str, int, str]:
    return home.period, home.retention_class, home.pool
