"""Which stores records can be moved in and measured in, by the name that configuration uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from app.core.errors import Broken, Unsupported
from app.core.file_lock import file_lock
from app.logstore.elastic.hosts import Hosts
from app.logstore.elastic.scales import ElasticScales
from app.logstore.elastic.stock import ElasticStock
from app.logstore.embedded.scales import EmbeddedScales
from app.logstore.embedded.shelf import WRITER_LOCK
from app.logstore.embedded.stock import EmbeddedStock
from app.logstore.measuring import Scales
from app.logstore.moving import Stock

log = structlog.get_logger(__name__)


def open_stock(kind: str, location: Path | Hosts) -> Stock:
    """The store of this kind, for a move of records. `Conflict` when a shipper writes to it that
    nobody else may write beside."""
    if kind == "elastic":
        return ElasticStock(location)
    if kind == "embedded" and isinstance(location, Path):
        return EmbeddedStock(location)
    raise Unsupported(f"no records can be moved in or out of the log store {kind!r}")


def open_scales(kind: str, location: Path | Hosts) -> Scales:
    """The store of this kind, to see how much everybody brings."""
    if kind == "elastic":
        return ElasticScales(location)
    if kind == "embedded" and isinstance(location, Path):
        return EmbeddedScales(location)
    raise Unsupported(f"nothing can be measured in the log store {kind!r}")


@contextmanager
def sole_writer(kind: str, location: Path | Hosts, wait: Callable[[], bool]) -> Iterator[bool]:
    """Keeps moves of records away while a shipper writes, where the two cannot go together, `True`
    then. While such a move is under way, says so once and calls `wait` between tries; when that
    returns `False` the block runs with `False`."""
    if kind != "embedded":
        yield True
        return
    if isinstance(location, Hosts):
        raise Broken("the embedded log store lies in a directory, not on hosts")
    is_told = False
    while True:
        with file_lock(location / WRITER_LOCK) as is_held:
            if is_held:
                yield True
                return
        if not is_told:
            log.warning("shipper_waiting_for_move", directory=str(location))
            is_told = True
        if not wait():
            break
    yield False
