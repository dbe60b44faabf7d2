"""What happened just before and after a record, at the same source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.logstore.types import NS_PER_DAY, SearchPlan, StoredRecord, TimeRange, sort_key_of
from app.query.fields import Field
from app.query.filters import And, Equals, Everything, Exists, Filter, Not

MAX_NEIGHBOURS = 100
DEFAULT_NEIGHBOURS = 20
MAX_SOURCE_FIELDS = 4
REACH_NS = NS_PER_DAY


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The records around one, all in order of time."""

    before: tuple[StoredRecord, ...]
    record: StoredRecord
    after: tuple[StoredRecord, ...]


def neighbour_plans(
    record: StoredRecord, *, before: int, after: int, by: Sequence[Field]
) -> tuple[SearchPlan, SearchPlan]:
    """The plans for the records before (nearest first) and after, at most a day away.

    The same source: the same stream, and in each field of `by`, built-in keywords, the same value
    or none either.
    """
    key = sort_key_of(record)
    filter_ = _same_source(record, by)
    earlier = SearchPlan(
        filter=filter_,
        range=TimeRange(max(0, key.timestamp_ns - REACH_NS), key.timestamp_ns + 1),
        stream=record.stream,
        is_descending=True,
        limit=max(1, before),
        after=key,
    )
    later = SearchPlan(
        filter=filter_,
        range=TimeRange(key.timestamp_ns, key.timestamp_ns + REACH_NS),
        stream=record.stream,
        is_descending=False,
        limit=max(1, after),
        after=key,
    )
    return earlier, later


def _same_source(record: StoredRecord, by: Sequence[Field]) -> Filter:
    parts: list[Filter] = []
    for field in by:
        value = getattr(record, field.name)
        parts.append(Not(Exists(field)) if value is None else Equals(field, (value,)))
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))
