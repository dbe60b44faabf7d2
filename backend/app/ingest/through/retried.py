"""Without a journal: requests that were refused half way and come again.

Some records of such a request may be stored. When the very same records come again they get the ids
and the receive time that they had, so that what is stored meets itself. A refused request stands for
one that comes later, not for more: two that were both answered for are never taken for one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

import orjson

from app.core.clock import Clock
from app.journal.batch import Batch

REMEMBERED_SECONDS = 3_600.0
MAX_REMEMBERED = 10_000
MAX_EQUAL = 100


class _Refused(NamedTuple):
    first_id: int
    received_ns: int
    until: float


class RefusedRequests:
    """For any number of threads; of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._refused: OrderedDict[bytes, list[_Refused]] = OrderedDict()
        self._count = 0

    def remember(self, pieces: Sequence[Batch]) -> None:
        """A request was refused, of which something may be stored; its entries, in order."""
        first = pieces[0]
        digest = _digest(pieces)
        until = self._clock.monotonic() + REMEMBERED_SECONDS
        refused = _Refused(first.first_id, first.received_ns, until)
        with self._lock:
            known = [one for one in self._take(digest) if one != refused]
            # Of those that are equal the last ones: somebody sends the same in a loop.
            self._put(digest, [*known, refused][-MAX_EQUAL:])
            while self._count > MAX_REMEMBERED:
                self._take(next(iter(self._refused)))

    def recall(self, batch: Batch) -> Batch:
        """The batch as it was when it was refused; as it is when it was not. Each refusal is
        recalled once."""
        with self._lock:
            if not self._refused:
                return batch
        digest = _digest([batch])
        now = self._clock.monotonic()
        with self._lock:
            valid = [one for one in self._take(digest) if one.until > now]
            if not valid:
                return batch
            first, *others = valid
            if others:
                self._put(digest, others)
        return replace(batch, first_id=first.first_id, received_ns=first.received_ns)

    def _take(self, digest: bytes) -> list[_Refused]:
        taken = self._refused.pop(digest, [])
        self._count -= len(taken)
        return taken

    def _put(self, digest: bytes, refused: list[_Refused]) -> None:
        self._refused[digest] = refused
        self._count += len(refused)


def _digest(pieces: Sequence[Batch]) -> bytes:
    """Of all that makes the records, however they are cut into entries."""
    first = pieces[0]
    digest = blake2b(digest_size=16)
    digest.update(orjson.dumps([str(first.org_id), first.protocol, first.stream, first.is_text]))
    for batch in pieces:
        for place, line in enumerate(batch.lines):
            told = (
                len(line),
                batch.ids and batch.ids[place],
                batch.indices and batch.indices[place],
                batch.bad.get(place),
            )
            digest.update(orjson.dumps(told))
            digest.update(line)
    return digest.digest()
