"""The durable queue: many processes append, one ships and trims. Nothing acknowledged is lost.

Entries are numbered from 1 in the order of their commits; numbers never restart while the file
lives. An entry whose checksum differs is moved to a table of its own, counted in `state`, kept
until somebody discards it, and passed over: it neither blocks nor vanishes.
"""

from __future__ import annotations

import struct
import time
import uuid
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Broken, Full
from app.journal.counters import Counters, Transaction, read_counters, write_counters
from app.journal.envelope import Damaged, Sealed, opened, seal, stored, taken_ns_of
from app.journal.storage import NoRoom, Storage, Tables

log = structlog.get_logger(__name__)

FORMAT = 1
RETRY_AFTER_SECONDS = 5
READER_CHECK_SECONDS = 60
# So many entries are deleted per transaction: writers wait milliseconds, not seconds.
TRIM_AT_ONCE = 512
# Of those most are only looked at.
THIN_AT_ONCE = 2_048
# LMDB keeps values up to about half a page in the leaf, larger ones in pages of their own.
_NODE_BYTES = 18
_PAGE_HEAD_BYTES = 16
_KEY = struct.Struct(">Q")


class Entry(NamedTuple):
    """One appended payload."""

    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class JournalState:
    """Where the journal stands.

    `live_bytes` counts what is not trimmed, compressed, damaged entries included; `entries` what
    waits; `oldest_ns` is when the oldest of them was taken, `None` if nothing waits.
    """

    live_bytes: int
    max_bytes: int
    entries: int
    last_number: int
    shipped_number: int
    oldest_ns: int | None
    damaged: int

    @property
    def is_full(self) -> bool:
        return self.live_bytes >= self.max_bytes


class Journal:
    """One per process and directory, opened after fork; safe for threads.

    `max_bytes` bounds live bytes, the map is twice that and the same in every process. Every
    method blocks (milliseconds); `Unavailable` when the file cannot be used.
    """

    def __init__(self, directory: Path, *, max_bytes: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self._clock = clock
        self._readers_checked = time.monotonic()
        try:
            self._storage = Storage(directory, map_bytes=2 * max_bytes)
            self._page_bytes = self._storage.page_bytes
            self.id = self._identity()
        except NoRoom as error:
            raise _full(str(error)) from error

    def append(self, payloads: Sequence[bytes]) -> int:
        """Keeps all or none, in one transaction that is on disk when this returns.

        Returns the number of the last one. `Full`: nothing was stored.
        """
        if not payloads:
            raise Broken("nothing to append")
        number = self.append_each([[seal(payload) for payload in payloads]])[0]
        if isinstance(number, Full):
            raise number
        return number

    def append_each(self, requests: Sequence[Sequence[Sealed]]) -> list[int | Full]:
        """Keeps several requests, each as a whole or not at all, with one commit for them all.

        Per request the number of its last entry, or why there is no room for it.
        """
        self._check_readers_now_and_then()
        try:
            results = self._write(requests)
        except NoRoom as error:
            log.warning("journal_had_no_room", error=str(error))
            self._storage.check_readers()
            return [self._write_alone(request) for request in requests]
        if any(isinstance(result, Full) for result in results):
            # A reader that died may hold the pages back that trimming has freed.
            self._storage.check_readers()
        return results

    def read(self, after: int, *, max_bytes: int) -> list[Entry]:
        """The entries that follow number `after`, in order: at least one if there is any, then as
        many as `max_bytes` of payload allow. For the one shipper."""
        entries: list[Entry] = []
        broken: list[tuple[bytes, str]] = []
        left = max_bytes
        with self._storage.reading() as (tables, transaction):
            cursor = transaction.cursor(tables.entries)
            found = cursor.set_range(_KEY.pack(after + 1))
            while found and left > 0:
                key = bytes(cursor.key())
                try:
                    payload = opened(cursor.value(), number=key)
                except Damaged as error:
                    broken.append((key, str(error)))
                else:
                    entries.append(Entry(_KEY.unpack(key)[0], payload))
                    left -= len(payload)
                found = cursor.next()
        for key, reason in broken:
            self.set_aside(_KEY.unpack(key)[0], reason)
        return entries

    def mark_shipped(self, through: int) -> None:
        """Says that everything up to this number is stored and can be found."""
        with self._storage.writing() as (tables, transaction):
            counters = read_counters(tables, transaction)
            if through > counters.shipped:
                write_counters(tables, transaction, counters._replace(shipped=through))

    def trim(self, through: int) -> None:
        """Forgets everything up to this number, and marks it shipped."""
        while self._trim_some(through) == TRIM_AT_ONCE:
            pass

    def thin(self, after: int, through: int, *, kept: Container[int]) -> int:
        """Forgets what lies behind `after` up to `through`, but for the `kept`; returns the room that
        these take. `trim` takes them later, like all others."""
        kept_bytes = 0
        while after < through:
            after, some_bytes = self._thin_some(after, through, kept)
            kept_bytes += some_bytes
        return kept_bytes

    def state(self) -> JournalState:
        """Cheap: two look-ups."""
        with self._storage.reading() as (tables, transaction):
            counters = read_counters(tables, transaction)
            oldest_ns = None
            cursor = transaction.cursor(tables.entries)
            if cursor.first():
                oldest_ns = taken_ns_of(cursor.value())
        return JournalState(
            live_bytes=counters.live_bytes,
            max_bytes=self.max_bytes,
            entries=counters.entries,
            last_number=counters.last,
            shipped_number=counters.shipped,
            oldest_ns=oldest_ns,
            damaged=counters.damaged,
        )

    def set_aside(self, number: int, reason: str) -> None:
        """Moves an entry that cannot be shipped to the damaged ones, where it stays."""
        key = _KEY.pack(number)
        with self._storage.writing() as (tables, transaction):
            data = transaction.get(key, db=tables.entries)
            if data is None:
                return
            transaction.put(key, bytes(data), db=tables.damaged)
            transaction.delete(key, db=tables.entries)
            counters = read_counters(tables, transaction)
            left = counters._replace(entries=counters.entries - 1, damaged=counters.damaged + 1)
            write_counters(tables, transaction, left)
        log.error("journal_entry_damaged", number=number, reason=reason)

    def replace(self, number: int, payloads: Sequence[bytes]) -> int:
        """Puts these behind all others in place of an entry, in one transaction; returns the number
        of the last one. Room is made for them beyond `max_bytes`: they take about as much."""
        sealed = [seal(payload) for payload in payloads]
        key = _KEY.pack(number)
        with self._storage.writing() as (tables, transaction):
            counters = read_counters(tables, transaction)
            data = transaction.get(key, db=tables.entries)
            if data is None:
                raise Broken(f"the journal has no entry {number}")
            freed, taken_ns = self._cost(len(data)), taken_ns_of(data)
            transaction.delete(key, db=tables.entries)
            left = counters._replace(
                entries=counters.entries - 1, live_bytes=counters.live_bytes - freed
            )
            left = self._put(tables, transaction, left, sealed, taken_ns)
            write_counters(tables, transaction, left)
        return left.last

    def damaged_numbers(self) -> list[int]:
        """The entries that were set aside."""
        with self._storage.reading() as (tables, transaction):
            return [_KEY.unpack(key)[0] for key, _ in transaction.cursor(tables.damaged)]

    def damaged_bytes(self, number: int) -> bytes | None:
        """A damaged entry as it lies on disk, for repair by hand."""
        with self._storage.reading() as (tables, transaction):
            data = transaction.get(_KEY.pack(number), db=tables.damaged)
            return None if data is None else bytes(data)

    def discard_damaged(self, number: int) -> None:
        """Forgets a damaged entry for good."""
        with self._storage.writing() as (tables, transaction):
            data = transaction.get(_KEY.pack(number), db=tables.damaged)
            if data is None:
                return
            cost = self._cost(len(data))
            transaction.delete(_KEY.pack(number), db=tables.damaged)
            counters = read_counters(tables, transaction)
            left = counters._replace(
                damaged=counters.damaged - 1, live_bytes=counters.live_bytes - cost
            )
            write_counters(tables, transaction, left)

    def close(self) -> None:
        """Waits for running transactions; the journal is not used afterwards."""
        self._storage.close()

    def abandon(self) -> None:
        """In a forked child: gives up what the parent has open, so that it can be opened here."""
        self._storage.abandon()

    def _identity(self) -> str:
        with self._storage.writing() as (tables, transaction):
            known = transaction.get(b"id", db=tables.meta)
            if known is not None:
                version = transaction.get(b"format", db=tables.meta)
                if version is None or bytes(version) != bytes([FORMAT]):
                    raise Broken(f"the journal in '{self.directory}' has another format")
                return bytes(known).decode()
            made = str(uuid.uuid4())
            transaction.put(b"id", made.encode(), db=tables.meta)
            transaction.put(b"format", bytes([FORMAT]), db=tables.meta)
            write_counters(tables, transaction, Counters())
            return made

    def _write(self, requests: Sequence[Sequence[Sealed]]) -> list[int | Full]:
        taken_ns = self._clock.now_ns()
        results: list[int | Full] = []
        with self._storage.writing() as (tables, transaction):
            counters = read_counters(tables, transaction)
            for request in requests:
                cost = sum(self._cost(sealed.stored_bytes) for sealed in request)
                if counters.live_bytes + cost > self.max_bytes:
                    results.append(
                        _full(f"it holds {counters.live_bytes} of {self.max_bytes} bytes")
                    )
                    continue
                counters = self._put(tables, transaction, counters, request, taken_ns)
                results.append(counters.last)
            write_counters(tables, transaction, counters)
        return results

    def _put(
        self,
        tables: Tables,
        transaction: Transaction,
        counters: Counters,
        request: Sequence[Sealed],
        taken_ns: int,
    ) -> Counters:
        number = counters.last
        for sealed in request:
            number += 1
            key = _KEY.pack(number)
            value = stored(sealed, number=key, taken_ns=taken_ns)
            transaction.put(key, value, append=True, db=tables.entries)
        return counters._replace(
            last=number,
            live_bytes=counters.live_bytes + sum(self._cost(one.stored_bytes) for one in request),
            entries=counters.entries + len(request),
        )

    def _write_alone(self, request: Sequence[Sealed]) -> int | Full:
        try:
            return self._write([request])[0]
        except NoRoom as error:
            return _full(str(error))

    def _trim_some(self, through: int) -> int:
        deleted = freed = 0
        with self._storage.writing() as (tables, transaction):
            counters = read_counters(tables, transaction)
            cursor = transaction.cursor(tables.entries)
            found = cursor.first()
            while found and deleted < TRIM_AT_ONCE and _KEY.unpack(cursor.key())[0] <= through:
                freed += self._cost(len(cursor.value()))
                deleted += 1
                cursor.delete()
                found = bool(cursor.key())
            left = counters._replace(
                shipped=max(counters.shipped, through),
                entries=counters.entries - deleted,
                live_bytes=counters.live_bytes - freed,
            )
            write_counters(tables, transaction, left)
        return deleted

    def _thin_some(self, after: int, through: int, kept: Container[int]) -> tuple[int, int]:
        """The last number that was looked at, and the room that is taken by what was kept."""
        deleted = freed = kept_bytes = 0
        with self._storage.writing() as (tables, transaction):
            cursor = transaction.cursor(tables.entries)
            found = cursor.set_range(_KEY.pack(after + 1))
            for _ in range(THIN_AT_ONCE):
                if not found or (number := _KEY.unpack(cursor.key())[0]) > through:
                    after = through
                    break
                after, cost = number, self._cost(len(cursor.value()))
                if number in kept:
                    kept_bytes += cost
                    found = cursor.next()
                else:
                    deleted, freed = deleted + 1, freed + cost
                    cursor.delete()
                    found = bool(cursor.key())
            if deleted:
                counters = read_counters(tables, transaction)
                left = counters._replace(
                    entries=counters.entries - deleted, live_bytes=counters.live_bytes - freed
                )
                write_counters(tables, transaction, left)
        return after, kept_bytes

    def _cost(self, stored_bytes: int) -> int:
        if stored_bytes + _NODE_BYTES > self._page_bytes // 2 - _PAGE_HEAD_BYTES:
            return -(-(stored_bytes + _PAGE_HEAD_BYTES) // self._page_bytes) * self._page_bytes
        return stored_bytes + _NODE_BYTES

    def _check_readers_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._readers_checked >= READER_CHECK_SECONDS:
            self._readers_checked = now
            self._storage.check_readers()


def _full(why: str) -> Full:
    return Full(
        f"the journal has no room: {why}",
        code="journal_full",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
