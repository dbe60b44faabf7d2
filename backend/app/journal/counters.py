"""The numbers that a journal keeps about itself, changed in the transaction that changes it."""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeAlias

import lmdb

from app.core.errors import Broken
from app.journal.storage import Tables

Transaction: TypeAlias = "lmdb.Transaction[memoryview]"

_KEY = b"counters"
_LAYOUT = struct.Struct("<QQQQQ")


class Counters(NamedTuple):
    """`live_bytes` counts damaged entries too: they take room until they are discarded."""

    last: int = 0
    shipped: int = 0
    live_bytes: int = 0
    entries: int = 0
    damaged: int = 0


def read_counters(tables: Tables, transaction: Transaction) -> Counters:
    """As the transaction sees them."""
    data = transaction.get(_KEY, db=tables.meta)
    if data is None:
        raise Broken("the journal has no counters")
    return Counters(*_LAYOUT.unpack(data))


def write_counters(tables: Tables, transaction: Transaction, counters: Counters) -> None:
    """With nothing waiting, everything up to the last number is shipped or set aside."""
    if not counters.entries:
        counters = counters._replace(shipped=counters.last)
    transaction.put(_KEY, _LAYOUT.pack(*counters), db=tables.meta)
