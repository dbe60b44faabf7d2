"""Moving an organisation's records from one place to another, inside a store or between stores.

A partition at a time: everything is copied, then everything is looked up at its new place and
compared, then the originals go, each only if it is found at its new place once more. Every step may
be cut off at any moment and begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, Protocol, TypeVar

import orjson

from app.core.errors import Conflict
from app.core.ids import OrgId
from app.logstore.partitions import Home
from app.logstore.types import RoutedRecord, StoredRecord

BATCH_RECORDS = 2_000
# A record may have a MiB: a batch is held several times over, as text, as records and as requests.
BATCH_BYTES = 16 << 20
_DIGEST_BYTES = 16

One = TypeVar("One")
Batch = list[RoutedRecord]
Check = Callable[[Batch], Batch]


class Numbers(NamedTuple):
    """Records by the order in which a store took them in: `above` < number ≤ `through`."""

    above: int = -1
    through: int = 2**63 - 1


ALL = Numbers()


class Stock(Protocol):
    """A store as whoever moves records sees it: partition by partition, hidden streams included.

    For one thread. `Unavailable` when the store is away; then the same may be tried again. A store
    that takes nothing in while records are moved need not tell numbers apart.
    """

    def homes(self, org_id: OrgId) -> list[Home]:
        """The partitions that have records of the organisation, in order of their names."""
        ...

    def count(self, org_id: OrgId, home: Home, numbers: Numbers = ALL) -> int:
        """How many records of the organisation are in a partition, as the store counts them."""
        ...

    def highest(self, org_id: OrgId, home: Home) -> int:
        """The number of the last record that came in; what comes later has higher ones."""
        ...

    def batches(
        self, org_id: OrgId, home: Home, size: int, numbers: Numbers = ALL
    ) -> Iterator[Batch]:
        """Its records in a partition, each once, as they were appended; but for `first_wins`, which
        no store keeps. At most `size` at a time, and fewer beyond `BATCH_BYTES`."""
        ...

    def missing(self, home: Home, records: Sequence[RoutedRecord]) -> Batch:
        """Those that are not in the partition, or not exactly as they are."""
        ...

    def put(self, home: Home, records: Sequence[RoutedRecord], *, mark: str = "") -> None:
        """Stores those that are missing, with a mark by which questions can leave them out."""
        ...

    def settle(self, home: Home) -> None:
        """Makes durable and visible what was put."""
        ...

    def remove(
        self, org_id: OrgId, home: Home, numbers: Numbers, is_elsewhere: Check, size: int
    ) -> Iterator[int]:
        """Removes the organisation's records from a partition, in steps, saying how many each was.
        `is_elsewhere` gets every batch first and answers with those that may go."""
        ...

    def close(self) -> None:
        """Frees everything; the stock is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records, and a digest of them all that does not depend on their order."""

    records: int = 0
    sum: int = 0

    def add(self, records: Sequence[RoutedRecord]) -> Tally:
        """With these counted too."""
        total = self.sum + sum(
            int.from_bytes(blake2b(fingerprint(one), digest_size=_DIGEST_BYTES).digest(), "big")
            for one in records
        )
        return Tally(self.records + len(records), total % (1 << 8 * _DIGEST_BYTES))

    @property
    def digest(self) -> str:
        """The digest as text."""
        return f"{self.sum:032x}"


def in_batches(weighed: Iterable[tuple[One, int]], size: int) -> Iterator[list[One]]:
    """What comes with its bytes, in lists of at most `size` that end when they have `BATCH_BYTES`."""
    batch: list[One] = []
    batch_bytes = 0
    for one, one_bytes in weighed:
        batch.append(one)
        batch_bytes += one_bytes
        if len(batch) >= size or batch_bytes >= BATCH_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch


def fingerprint(record: RoutedRecord) -> bytes:
    """Equal for records that no question can tell apart."""
    cells = [
        record.org_id.hex,
        record.retention_class,
        record.stream,
        record.id,
        record.is_sent,
        record.digest.hex(),
        *record[RoutedRecord._fields.index("observed_ns") :],
    ]
    try:
        return orjson.dumps(cells)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, very deep nesting
        return json.dumps(cells).encode()


def routed(org_id: OrgId, home: Home, stored: StoredRecord, digest: bytes | None) -> RoutedRecord:
    """A stored record as it was appended. `digest` is that of a record with a sent id."""
    return RoutedRecord(
        org_id=org_id,
        retention_class=home.retention_class,
        stream=stored.stream,
        id=stored.id,
        is_sent=digest is not None,
        first_wins=False,
        digest=digest or b"",
        observed_ns=stored.observed_ns,
        timestamp_ns=stored.timestamp_ns,
        message=stored.message,
        level=stored.level,
        level_number=stored.level_number,
        service=stored.service,
        host=stored.host,
        environment=stored.environment,
        logger=stored.logger,
        trace_id=stored.trace_id,
        span_id=stored.span_id,
        attributes=dict(stored.attributes),
    )


@dataclass(frozen=True, slots=True)
class Removal:
    """One organisation's records of one partition, and where they go."""

    org_id: OrgId
    source: Stock
    home: Home
    target: Stock
    new_home: Home
    batch_records: int = BATCH_RECORDS

    def highest(self) -> int:
        """The number of the last record that came in."""
        return self.source.highest(self.org_id, self.home)

    def copy(self, numbers: Numbers = ALL, *, mark: str = "") -> Iterator[int]:
        """Puts what is missing at the new place; says after each batch how many records it was.
        Begun again after it was cut off, it finds what it has put."""
        self.target.settle(self.new_home)
        for batch in self.source.batches(self.org_id, self.home, self.batch_records, numbers):
            self.target.put(self.new_home, batch, mark=mark)
            yield len(batch)
        self.target.settle(self.new_home)

    def verify(self, numbers: Numbers = ALL) -> Tally:
        """The tally of the records, each found at its new place. `Conflict` when one is not, or
        when the source counts another number; nothing is removed then."""
        expected = self.source.count(self.org_id, self.home, numbers)
        tally = Tally()
        for batch in self.source.batches(self.org_id, self.home, self.batch_records, numbers):
            missing = self.target.missing(self.new_home, batch)
            if missing:
                raise Conflict(
                    f"{len(missing)} of {len(batch)} records of {self.home.name} are not in"
                    f" {self.new_home.name}, as {missing[0].id!r}: nothing was removed"
                )
            tally = tally.add(batch)
        if tally.records != expected:
            raise Conflict(
                f"{self.home.name} has {expected} records, but {tally.records} were read:"
                " nothing was removed"
            )
        return tally

    def empty(self, numbers: Numbers = ALL) -> Iterator[int]:
        """Removes the originals that are found at their new place, and no other."""

        def found(batch: Batch) -> Batch:
            missing = {fingerprint(one) for one in self.target.missing(self.new_home, batch)}
            return [one for one in batch if fingerprint(one) not in missing]

        return self.source.remove(self.org_id, self.home, numbers, found, self.batch_records)
