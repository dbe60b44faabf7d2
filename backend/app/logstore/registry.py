"""Which stores there are, by the name that configuration uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.errors import Broken
from app.logstore.elastic.hosts import Hosts
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.interface import FaultPoint, LogReader, LogWriter, no_fault
from app.logstore.memory.store import MemoryStore

Location = Path | Hosts

_MEMORY: dict[Location, MemoryStore] = {}


def _memory(location: Location) -> MemoryStore:
    """One store per location and process: reader and writer have to be the same object."""
    return _MEMORY.setdefault(location, MemoryStore())


def _directory(location: Location) -> Path:
    if isinstance(location, Hosts):
        raise Broken("the embedded log store lies in a directory, not on hosts")
    return location


_READERS: dict[str, Callable[[Location], LogReader]] = {
    "elastic": ElasticReader,
    "embedded": lambda location: EmbeddedReader(_directory(location)),
    "memory": _memory,
}
_WRITERS: dict[str, Callable[[Location, FaultPoint], LogWriter]] = {
    "elastic": lambda location, fault: ElasticWriter(location, fault=fault, holds_back=True),
    "embedded": lambda location, fault: EmbeddedWriter(_directory(location), fault=fault),
    "memory": lambda location, _fault: _memory(location),
}


def open_reader(kind: str, location: Location) -> LogReader:
    """A reader of the store of this kind; `location` is where its files, or its hosts, are."""
    if kind not in _READERS:
        raise Broken(f"there is no log store {kind!r}; there are {', '.join(sorted(_READERS))}")
    return _READERS[kind](location)


def open_writer(kind: str, location: Location, fault: FaultPoint = no_fault) -> LogWriter:
    """The writer of the store. Of an embedded one at most one may be open at a time, in any
    process. The caller trims no entry that `LogWriter.commit` holds back."""
    if kind not in _WRITERS:
        raise Broken(f"there is no log store {kind!r}; there are {', '.join(sorted(_WRITERS))}")
    return _WRITERS[kind](location, fault)
