"""Which stores there are, by the name that configuration uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.errors import Broken
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.interface import FaultPoint, LogReader, LogWriter, no_fault
from app.logstore.memory.store import MemoryStore

_MEMORY: dict[Path, MemoryStore] = {}


def _memory(location: Path) -> MemoryStore:
    """One store per location and process: reader and writer have to be the same object."""
    return _MEMORY.setdefault(location, MemoryStore())


_READERS: dict[str, Callable[[Path], LogReader]] = {
    "elastic": ElasticReader,
    "embedded": EmbeddedReader,
    "memory": _memory,
}
_WRITERS: dict[str, Callable[[Path, FaultPoint], LogWriter]] = {
    "elastic": lambda location, fault: ElasticWriter(location, fault=fault),
    "embedded": lambda location, fault: EmbeddedWriter(location, fault=fault),
    "memory": lambda location, _fault: _memory(location),
}


def open_reader(kind: str, location: Path) -> LogReader:
    """A reader of the store of this kind; `location` is where its files, or its hosts, are."""
    if kind not in _READERS:
        raise Broken(f"there is no log store {kind!r}; there are {', '.join(sorted(_READERS))}")
    return _READERS[kind](location)


def open_writer(kind: str, location: Path, fault: FaultPoint = no_fault) -> LogWriter:
    """The writer of the store; at most one may be open at a time, in any process."""
    if kind not in _WRITERS:
        raise Broken(f"there is no log store {kind!r}; there are {', '.join(sorted(_WRITERS))}")
    return _WRITERS[kind](location, fault)
