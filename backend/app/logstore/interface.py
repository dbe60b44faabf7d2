"""The contract of a log store. Every implementation passes the suite in tests/conformance.

Reading and writing are two protocols, because with the embedded store one process writes and others
read. All methods block and may be called from several threads at once (`LogWriter`: from one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from typing import Protocol

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.core.scope import Scope
from app.logstore.types import (
    AggregatePlan,
    AppendReport,
    FieldList,
    Page,
    Position,
    RoutedRecord,
    SearchPlan,
    StoredRecord,
    StoreHealth,
    Table,
    TimeRange,
    ValueList,
)
from app.query.fields import Field
from app.query.filters import Filter


class LogReader(Protocol):
    """Answers questions of one organisation; `scope` is the only source of the tenant filter.

    What was committed by any process is seen by the next call. Errors, everywhere:
    `Unavailable` (store down, retry may help), `Unsupported` (named refusal, e.g. aggregating a
    field beyond the budget), `Invalid` with code `regex_too_complex`. A broken partition is never
    an error: it is left out and named in `skipped` and `health`.
    """

    def search(self, scope: Scope, plan: SearchPlan) -> Page:
        """One page. Following `after` gives each matching record exactly once, whatever arrives."""
        ...

    def aggregate(self, scope: Scope, plans: Sequence[AggregatePlan]) -> list[Table]:
        """One table per plan, in order, in one round trip."""
        ...

    def fields(
        self, scope: Scope, range_: TimeRange, *, stream: str | None = None, limit: int = 1000
    ) -> FieldList:
        """The fields that records in range have; at most `limit` attributes, most frequent first
        when cut, by name when not."""
        ...

    def field_values(  # noqa: PLR0913 — a question with this many parts
        self,
        scope: Scope,
        field: Field,
        filter_: Filter,
        range_: TimeRange,
        *,
        prefix: str = "",
        size: int = 20,
        stream: str | None = None,
    ) -> ValueList:
        """The field's most frequent values among the matching records; `prefix` on their text."""
        ...

    def get(self, scope: Scope, record_id: str) -> StoredRecord | None:
        """The record with this id, or `None`; newest partition first; hidden streams included."""
        ...

    def scan(self, scope: Scope, plan: SearchPlan) -> Iterator[StoredRecord]:
        """All matches in order, for exports; `limit` is the size of one fetch."""
        ...

    def health(self) -> StoreHealth:
        """Never raises; takes at most a second."""
        ...

    def close(self) -> None:
        """Frees files and connections; the reader is not used afterwards."""
        ...


class LogWriter(Protocol):
    """Takes records in, from the one shipper.

    Identity (architecture.md, "Partition and identity"): the partition follows from organisation,
    retention class and `observed_ns` alone. A record that `is_sent` and whose id is known to the
    organisation within 24 hours is a repetition if the digest is the same or `first_wins`; else it
    is stored under an id derived from organisation, sent id and digest, the sent one in
    `attributes.id`. Others are never looked up: `position` makes their retry harmless.
    """

    def expect(self, entries: Sequence[Sequence[RoutedRecord]]) -> None:
        """The records of entries that will be appended next, in this order: a store that looks
        something up may do it for all of them at once. Changes nothing else, and never raises."""
        ...

    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        """Takes the records of one journal entry; never raises for a bad record.

        They are durable and visible to readers after `commit`, not before. An entry that was
        committed before (same journal, number not above the committed one) changes nothing.
        Entries of one journal come in order. `Unavailable` means that nothing of the call is kept
        and the same call may be made again; when other entries wait, after a `commit`, which says
        whether they are gone as well. The caller may reuse `records`.
        """
        ...

    def commit(self) -> Position | None:
        """Makes everything appended durable and visible. On `Unavailable` nothing is assumed lost
        or kept: the caller appends again from its last trimmed position.

        A position is the first entry of which a record still waits, because its partition alone
        refuses: what lies before it may be trimmed, what is behind it only if it is not among those
        `waiting`. None of it need be appended again. Later commits try again, also without new
        entries.
        """
        ...

    def waiting(self, journal: str) -> Set[int]:
        """The entries of a journal of which a record waits because its partition alone refuses: the
        caller keeps these, and appends them again, in order, whenever it begins again."""
        ...

    def let_go(self) -> None:
        """Forgets everything that is not committed, what waits for a partition too, in whatever state
        a failure of any kind left it. The caller appends again from its last trimmed position."""
        ...

    def maintain(self, now_ns: int) -> None:
        """Creates ahead, merges, expires what its retention class no longer keeps."""
        ...

    def health(self) -> StoreHealth:
        """Never raises; takes at most a second."""
        ...

    def close(self) -> None:
        """Commits and frees everything; the writer is not used afterwards."""
        ...


class DirectWriter(Protocol):
    """Takes records in without a journal before it; any number of processes may have one."""

    def store(self, requests: Sequence[Sequence[RoutedRecord]]) -> list[AppendReport | Unavailable]:
        """Makes the records of several requests durable and visible, all before it returns.

        Identity is as in `LogWriter`. Per request what became of it, or why none of it is promised:
        some of its records may be there all the same, and meet themselves when they come again with
        the ids that they have. Never raises for a bad record, nor for a store that is away.
        """
        ...

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`. Several at once do no harm."""
        ...

    def health(self) -> StoreHealth:
        """Never raises; takes at most a second."""
        ...

    def close(self) -> None:
        """Frees everything; the writer is not used afterwards."""
        ...


class Observer(Protocol):
    """Sees every stored record after its commit (instant rules, patterns, live bus).

    One that raises or takes longer than its share is dropped with a metric, never waited for.
    """

    name: str

    def wants(self, org_id: OrgId) -> bool:
        """Whether records of this organisation matter to it now. Asked for every journal entry,
        from the shipper's own thread: it only looks."""
        ...

    def observe(self, records: Sequence[RoutedRecord]) -> None:
        """Sees records of organisations that it wanted, in a thread of its own."""
        ...

    def close(self) -> None:
        """Frees what it holds, in that thread; it sees nothing afterwards."""
        ...


# A point in the code where tests kill the process: inside commit, inside merge, before trim.
FaultPoint = Callable[[str], None]


def no_fault(_name: str) -> None:
    """The fault point of production: nothing happens."""
