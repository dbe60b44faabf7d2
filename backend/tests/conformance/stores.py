"""The implementations under the contract, as data: one more store is one more line of `STORES`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from app.core.scope import Scope
from app.logstore.registry import open_reader, open_writer
from app.logstore.types import (
    AggregatePlan,
    AppendReport,
    Group,
    Metric,
    Page,
    Position,
    RoutedRecord,
    SearchPlan,
    StoredRecord,
    Table,
    TimeRange,
)
from app.query.filters import Everything, Filter
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, JOURNAL, a_sent_record
from tests.elastic_indices import delete_indices
from tests.shipping import commit_all

EVERYTHING = Everything()


@dataclass(frozen=True, slots=True)
class StoreKind:
    """An implementation: its name in the registry, and what it is allowed to refuse.

    `field_budget`: so many attribute fields of an organisation can be aggregated; `None`: all.
    """

    name: str
    field_budget: int | None

    def location(self, directory: Path) -> Path:
        """Where the store of a test is that may use this directory: its own indices, or files."""
        if self.name != "elastic":
            return directory
        own = blake2b(str(directory).encode(), digest_size=8).hexdigest()
        return Path(f"{ELASTIC_HOSTS}#{ELASTIC_RUN}{own}")


# The real server. Where the environment names none, its tests fail (tests/services.py).
ELASTIC_HOSTS = os.environ.get("ELASTICSEARCH_HOSTS")
# Begins the names of all indices of this run.
ELASTIC_RUN = f"t{os.urandom(4).hex()}_"

STORES: tuple[StoreKind, ...] = (
    StoreKind("memory", field_budget=None),
    StoreKind("embedded", field_budget=200),
    StoreKind("elastic", field_budget=200),
)


class Store:
    """An opened store, with short forms of what tests do all the time; Alice asks by default."""

    def __init__(self, kind: StoreKind, directory: Path) -> None:
        self.kind = kind
        self._directory = directory
        self.writer = open_writer(kind.name, kind.location(directory))
        self.reader = open_reader(kind.name, kind.location(directory))
        self._number = 0

    def next_position(self) -> Position:
        """The place of the journal's next entry."""
        self._number += 1
        return Position(JOURNAL, self._number)

    def append(self, *records: RoutedRecord) -> AppendReport:
        """Appends one entry, without a commit."""
        return self.writer.append(records, position=self.next_position())

    def commit(self) -> None:
        """Makes everything that was appended visible."""
        commit_all(self.writer)

    def add(self, *records: RoutedRecord) -> AppendReport:
        """Appends one entry and commits."""
        report = self.append(*records)
        self.commit()
        return report

    def add_values(self, **values: Any) -> None:
        """One record for each value of the attribute `f`, its id the name that it is given here."""
        self.add(*(a_sent_record(name, attributes={"f": value}) for name, value in values.items()))

    def add_messages(self, **messages: str) -> None:
        """One record for each message, its id the name that it is given here."""
        self.add(*(a_sent_record(name, message) for name, message in messages.items()))

    def search(
        self,
        filter_: Filter = EVERYTHING,
        *,
        scope: Scope = ALICE,
        range_: TimeRange = ALWAYS,
        limit: int = 1000,
        stream: str | None = None,
    ) -> Page:
        """The newest matching records."""
        plan = SearchPlan(filter_, range_, stream=stream, limit=limit)
        return self.reader.search(scope, plan)

    def ids(self, filter_: Filter = EVERYTHING, *, scope: Scope = ALICE) -> list[str]:
        """The ids of at most 1,000 matching records, sorted."""
        return sorted(record.id for record in self.search(filter_, scope=scope).records)

    def all_records(self) -> list[StoredRecord]:
        """At most 1,000 records of Alice's, by id."""
        return sorted(self.search().records, key=lambda record: record.id)

    def all_pages(self, scope: Scope, plan: SearchPlan) -> list[StoredRecord]:
        """Every record of `plan`, page by page."""
        return list(self.reader.scan(scope, plan))

    def table(
        self,
        groups: Sequence[Group],
        metrics: Sequence[Metric],
        *,
        filter_: Filter = EVERYTHING,
        scope: Scope = ALICE,
    ) -> Table:
        """One aggregate over all records."""
        plan = AggregatePlan(filter_, ALWAYS, tuple(groups), tuple(metrics))
        return self.reader.aggregate(scope, [plan])[0]

    def close(self) -> None:
        """Closes both sides."""
        self.writer.close()
        self.reader.close()

    def remove(self) -> None:
        """Closes both sides, and deletes what is not under the test's own directory."""
        self.close()
        if self.kind.name == "elastic":
            delete_indices(self.kind.location(self._directory).name.partition("#")[2])
