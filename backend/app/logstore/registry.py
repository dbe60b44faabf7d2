"""Which stores there are, by the name that configuration uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.errors import Broken, Unsupported
from app.logstore.elastic.direct import ElasticDirectWriter
from app.logstore.elastic.hosts import Hosts
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.upkeep import keep_up as keep_up_elastic
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.interface import DirectWriter, FaultPoint, LogReader, LogWriter, no_fault
from app.logstore.memory.direct import MemoryDirectWriter
from app.logstore.memory.store import MemoryStore
from app.logstore.places import (
    HiddenDirectory,
    PlaceDirectory,
    all_shared,
    nothing_hidden,
)

Location = Path | Hosts

_MEMORY: dict[Location, MemoryStore] = {}


def _memory(location: Location) -> MemoryStore:
    """One store per location and process: reader and writer have to be the same object."""
    return _MEMORY.setdefault(location, MemoryStore())


def _directory(location: Location) -> Path:
    if isinstance(location, Hosts):
        raise Broken("the embedded log store lies in a directory, not on hosts")
    return location


_READERS: dict[str, Callable[[Location, HiddenDirectory], LogReader]] = {
    "elastic": lambda location, hidden: ElasticReader(location, hidden=hidden),
    # Its partitions are moved while nobody else uses them.
    "embedded": lambda location, _hidden: EmbeddedReader(_directory(location)),
    "memory": lambda location, _hidden: _memory(location),
}
_WRITERS: dict[str, Callable[[Location, FaultPoint, PlaceDirectory], LogWriter]] = {
    "elastic": lambda location, fault, places: ElasticWriter(
        location, fault=fault, places=places, holds_back=True
    ),
    "embedded": lambda location, fault, places: EmbeddedWriter(
        _directory(location), fault=fault, places=places
    ),
    "memory": lambda location, _fault, _places: _memory(location),
}
_DIRECT_WRITERS: dict[str, Callable[[Location, PlaceDirectory], DirectWriter]] = {
    "elastic": lambda location, places: ElasticDirectWriter(location, places=places),
    "memory": lambda location, _places: MemoryDirectWriter(_memory(location)),
}


def open_reader(
    kind: str, location: Location, *, hidden: HiddenDirectory = nothing_hidden
) -> LogReader:
    """A reader of the store of this kind; `location` is where its files, or its hosts, are, and
    `hidden` says what is left out because it is being moved."""
    if kind not in _READERS:
        raise Broken(f"there is no log store {kind!r}; there are {', '.join(sorted(_READERS))}")
    return _READERS[kind](location, hidden)


def open_writer(
    kind: str,
    location: Location,
    fault: FaultPoint = no_fault,
    *,
    places: PlaceDirectory = all_shared,
) -> LogWriter:
    """The writer of the store. Of an embedded one at most one may be open at a time, in any
    process. The caller trims no entry that `LogWriter.commit` holds back. `places` says where
    everybody's records belong."""
    if kind not in _WRITERS:
        raise Broken(f"there is no log store {kind!r}; there are {', '.join(sorted(_WRITERS))}")
    return _WRITERS[kind](location, fault, places)


def open_direct_writer(
    kind: str, location: Location, places: PlaceDirectory = all_shared
) -> DirectWriter:
    """A writer that needs no journal; `Unsupported` for a store that one process alone may write."""
    if kind not in _DIRECT_WRITERS:
        raise Unsupported(
            f"the log store {kind!r} has one writer, the shipper: records cannot go straight into it"
        )
    return _DIRECT_WRITERS[kind](location, places)


def keep_up(kind: str, location: Location, now_ns: int) -> None:
    """What a store needs done at times when no shipper runs. An embedded one needs nothing: its
    shipper alone may change it, and finds everything to do when it is back."""
    if kind == "elastic":
        keep_up_elastic(location, now_ns)
