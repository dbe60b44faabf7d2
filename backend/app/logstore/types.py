"""What goes into a store, what is asked of it, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from app.core.ids import OrgId
from app.query.fields import Field
from app.query.filters import Filter

# Streams whose name starts so are left out of every question that does not name its stream.
HIDDEN_STREAM_PREFIX = "_"
QUARANTINE_STREAM = "_quarantine"
DEFAULT_STREAM = "default"

# Retention classes in days; a stream's own number is rounded up to one of them.
RETENTION_CLASSES: tuple[int, ...] = (3, 7, 14, 30, 90, 365)

NS_PER_SECOND = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_SECOND


class RoutedRecord(NamedTuple):
    """A normalised record on its way into a store; made by the shipper, never changed after.

    A tuple with names, not a dataclass: one is made per record on the hot path.
    `attributes` is nested as it was sent; keys are text, values JSON (integers of any size).
    """

    org_id: OrgId
    retention_class: int  # days, one of RETENTION_CLASSES
    stream: str
    id: str
    is_sent: bool  # the id came from the sender: it must be looked up before it is stored
    first_wins: bool  # a known sent id is a repetition whatever the content (`_bulk`)
    digest: bytes  # BLAKE2b-128 of the bytes as received; empty when not `is_sent`
    observed_ns: int
    timestamp_ns: int
    message: str
    level: str | None
    level_number: int | None
    service: str | None
    host: str | None
    environment: str | None
    logger: str | None
    trace_id: str | None
    span_id: str | None
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it comes out of a store. `attributes` is as it was sent; do not change it.

    `not_indexed` names what search does not see (architecture.md, "Shape is never refused").
    """

    id: str
    timestamp_ns: int
    observed_ns: int
    message: str
    level: str | None
    level_number: int | None
    service: str | None
    host: str | None
    environment: str | None
    logger: str | None
    trace_id: str | None
    span_id: str | None
    stream: str
    attributes: Mapping[str, Any]
    not_indexed: tuple[str, ...] = ()


class Position(NamedTuple):
    """A place in a journal: which journal (a UUID's text), and the number of its entry, from 1."""

    journal: str
    number: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that a store can never take: its index in the call, a stable code, why."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class AppendReport:
    """What became of every record of one `append`."""

    stored: int
    repeated: int  # known already: same sent id, same content; or shipped before a restart
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`from_ns` ≤ @timestamp < `to_ns`, nanoseconds since 1970."""

    from_ns: int
    to_ns: int


class SortKey(NamedTuple):
    """Where a page ended: order is by `@timestamp`, then `id` by code point, then receive time.

    A sent id that came again when it was not remembered any more is two records of one id, maybe of
    one `@timestamp`: never of one receive time.
    """

    timestamp_ns: int
    id: str
    observed_ns: int


def sort_key_of(record: RoutedRecord | StoredRecord) -> SortKey:
    """Where a record stands in the order."""
    return SortKey(record.timestamp_ns, record.id, record.observed_ns)


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """One page of records. `stream`: only that one; `None`: all but hidden ones."""

    filter: Filter
    range: TimeRange
    stream: str | None = None
    is_descending: bool = True
    limit: int = 50  # 1-1,000
    after: SortKey | None = None  # exclusive; the last record of the page before
    timeout_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order. `total` counts all matches of filter and range, `after` left aside.

    It is exact unless `timed_out`. `has_more`: at least one record follows the last one.
    `skipped` names partitions that could not be read (broken, set aside).
    """

    records: tuple[StoredRecord, ...]
    total: int
    has_more: bool
    timed_out: bool = False
    skipped: tuple[str, ...] = ()


class Function(StrEnum):
    """What a metric computes over the numbers (`UNIQ`, `COUNT`: over all values) of a field."""

    COUNT = "count"  # records; with a field: records in which it exists
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    PERCENTILE = "percentile"
    UNIQ = "uniq"


@dataclass(frozen=True, slots=True)
class Metric:
    """One number per group.

    SUM, AVG, MIN, MAX and PERCENTILE see numbers only, every one of a list; of none they are null
    (SUM: 0). PERCENTILE p is the number at index ⌊p / 100 · (n - 1)⌋ of n sorted ones, or between it
    and the next. It may be off by 1 % of the value, UNIQ by 2 % beyond 3,000 distinct values.
    """

    function: Function
    name: str
    field: Field | None = None
    percent: float | None = None  # 0-100, for PERCENTILE


@dataclass(frozen=True, slots=True)
class GroupByField:
    """The `size` most frequent values of a field, each record counting once for each of its values.

    Records without the field are in no group. Inside another group they are that group's own most
    frequent ones. Numbers are one value when they are as doubles (200 and 200.0, 0 and -0.0); 1,
    "1" and true are three. Ties are ordered by the value's text.
    """

    field: Field
    size: int = 10


@dataclass(frozen=True, slots=True)
class GroupByTime:
    """Intervals of @timestamp aligned to 1970-01-01, whole milliseconds; only those with records."""

    interval_ns: int


Group = GroupByField | GroupByTime


@dataclass(frozen=True, slots=True)
class AggregatePlan:
    """A table: group columns first, then metrics.

    Rows are ordered by group column: intervals by time, values by count of records, then by value;
    at most `max_rows`.
    """

    filter: Filter
    range: TimeRange
    groups: tuple[Group, ...]
    metrics: tuple[Metric, ...]
    stream: str | None = None
    max_rows: int = 10_000
    timeout_ms: int = 10_000


Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of group values (times as nanoseconds, values in their own type), then metrics."""

    rows: tuple[tuple[Cell, ...], ...]
    is_truncated: bool = False
    timed_out: bool = False
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field that records in range have.

    `type`: string, number, boolean, time, or mixed. `is_indexed`: it can be aggregated.
    `records`: in how many it exists.
    """

    name: str
    type: str
    is_indexed: bool
    records: int


@dataclass(frozen=True, slots=True)
class FieldList:
    """Built-in fields first, then attributes by name; `total` records in range."""

    fields: tuple[FieldInfo, ...]
    total: int
    timed_out: bool = False
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value and in how many records of the range it occurs."""

    value: str | int | float | bool
    count: int


@dataclass(frozen=True, slots=True)
class ValueList:
    """The most frequent values, ties by value as text.

    `other`: records that have a value at the field's own path, but none of those listed. `missing`:
    matching records that have none there. `distinct`: how many values there are (prefix applied), as
    exact as UNIQ.
    """

    values: tuple[ValueCount, ...]
    other: int
    missing: int
    distinct: int
    timed_out: bool = False
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """`status`: up, degraded (something is set aside, the rest goes on) or down."""

    status: str
    type: str  # tantivy, elasticsearch, memory
    detail: str | None = None
    broken: tuple[str, ...] = ()
    cluster_status: str | None = None  # of a cluster: green, yellow or red
