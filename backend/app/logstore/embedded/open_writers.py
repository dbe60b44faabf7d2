"""The partitions that the writer holds open."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from app.logstore.embedded.shelf import directory_of, homes_in, set_aside
from app.logstore.embedded.source import BlockCache, Damaged
from app.logstore.embedded.writing import PartitionWriter
from app.logstore.interface import FaultPoint
from app.logstore.partitions import Home
from app.logstore.places import PlaceDirectory
from app.logstore.types import RoutedRecord

MAX_OPEN = 32
_CACHE_BYTES = 16 << 20


class OpenWriters:
    """Opens partitions when they are asked for; between two entries at most MAX_OPEN stay so."""

    def __init__(self, location: Path, places: PlaceDirectory, fault: FaultPoint) -> None:
        self._location = location
        self._places = places
        self._fault = fault
        self._cache = BlockCache(_CACHE_BYTES)
        self._open: OrderedDict[Home, PartitionWriter] = OrderedDict()
        location.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[PartitionWriter]:
        return iter(list(self._open.values()))

    def home_of(self, record: RoutedRecord) -> Home:
        """The partition of a record."""
        places = self._places(record.org_id)
        return places.home_of(record.org_id, record.retention_class, record.observed_ns)

    def get(self, home: Home) -> PartitionWriter:
        """The partition, opened; one that turns out to be broken is set aside for a new one."""
        partition = self._open.get(home)
        if partition is None:
            partition = self._open[home] = self._opened(home)
        self._open.move_to_end(home)
        return partition

    def remembering(self, record: RoutedRecord, home: Home) -> list[PartitionWriter]:
        """Every partition in which a sent id may be known at this receive time, of any class."""
        places = self._places(record.org_id)
        homes = places.remembering(record.org_id, home, record.observed_ns)
        return [self.get(one) for one in homes if one == home or self._is_there(one)]

    def idle(self) -> Iterator[PartitionWriter]:
        """Takes those out, least recently used first, that are too many; the caller closes them."""
        while len(self._open) > MAX_OPEN:
            yield self._open.popitem(last=False)[1]

    def remove(self, home: Home) -> None:
        """Deletes a partition with all that is in it."""
        partition = self._open.pop(home, None)
        if partition is not None:
            partition.close()
        shutil.rmtree(directory_of(self._location, home), ignore_errors=True)

    def drop(self) -> None:
        """Closes all; what was not committed is gone."""
        while self._open:
            self._open.popitem()[1].close()

    def set_aside(self, name: str) -> None:
        """Moves the partition of this name out of the way."""
        for home in list(homes_in(self._location)):
            if home.name == name:
                set_aside(self._location, home)

    def _is_there(self, home: Home) -> bool:
        return home in self._open or directory_of(self._location, home).is_dir()

    def _opened(self, home: Home) -> PartitionWriter:
        directory = directory_of(self._location, home)
        try:
            return PartitionWriter(directory, home, self._cache, self._fault)
        except Damaged:
            set_aside(self._location, home)
            return PartitionWriter(directory, home, self._cache, self._fault)
