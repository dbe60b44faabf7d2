"""How many different values a field has among matching records.

tantivy's own sketch is off by 2.3 % on average, which is more than is promised. So the values are
cut into ranges: sketches of disjoint ranges add up, and their errors level out (0.8 % with eight).
Few values are listed and counted exactly; so are those of several partitions, where sketches
cannot be added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tantivy import FieldType, Query

from app.core.errors import Unsupported
from app.logstore.embedded.columns import Key, column_of, has_column, key_of
from app.logstore.embedded.compile import all_of
from app.logstore.embedded.guard import AskOtherwise
from app.logstore.embedded.nodes import EVERY_VALUE
from app.logstore.embedded.partition import COUNT_REQUEST, Snapshot
from app.logstore.embedded.ranges import is_word
from app.logstore.embedded.schema import SCHEMA
from app.query.fields import Field
from app.query.filters import Equals, Exists, Filter, NumberRange, StringRange

Asked = Sequence[tuple[Snapshot, Query]]

# Up to here every value is listed: UNIQ promises to be exact up to 3,000.
_LISTED = 4_000
_SAMPLE = 96
_REMEMBERED = 100
_SLICES = 12
_STRATA = 8
# How often ranges with too many values to be listed are cut again.
_CUTS = 3
_REFUSED = re.compile(r"bucket limit was exceeded\. Limit: \d+, Current: (\d+)")


class TooMany(AskOtherwise):
    """There are more values than tantivy lists."""


def count_distinct(asked: Asked, field: Field) -> int:
    """How many different values the matching records have."""
    if not has_column(field) or not asked:
        return 0
    if len(asked) == 1 and asked[0][0].state.records > _LISTED:
        snapshot, query = asked[0]
        estimate = _estimate(snapshot, query, field)
        if estimate is not None and estimate > _LISTED:
            return estimate
    return len(_every_value(asked, field))


def value_counts(snapshot: Snapshot, query: Query, field: Field) -> dict[Key, int]:
    """Every value and in how many matching records it is; `TooMany` when they cannot be listed."""
    terms = {"field": column_of(field), "size": EVERY_VALUE, "segment_size": EVERY_VALUE}
    answer = aggregated(snapshot, query, {"values": {"terms": terms}})
    return {key_of(field, bucket): bucket["doc_count"] for bucket in answer["values"]["buckets"]}


def aggregated(snapshot: Snapshot, query: Query, request: dict[str, Any]) -> dict[str, Any]:
    """tantivy's answer; `TooMany` instead of its refusal to return so many buckets."""
    try:
        answer: dict[str, Any] = snapshot.searcher.aggregate(query, request)
    except ValueError as error:
        if _REFUSED.search(str(error)) is None:
            raise
        raise TooMany from error
    return answer


def _sample(snapshot: Snapshot, query: Query, field: Field) -> list[Key]:
    """Values of a few matching records, taken from all over the partition."""
    having = all_of([query, snapshot.compiler.compile(Exists(field))])
    step = snapshot.state.records // _SLICES + 1
    found: list[Key] = []
    for first in range(0, snapshot.state.records, step):
        last = first + step - 1
        slice_ = Query.range_query(SCHEMA, "ref", FieldType.Unsigned, first, last)
        hits = snapshot.searcher.search(
            all_of([having, slice_]), limit=_SAMPLE // _SLICES, count=False
        ).hits
        for ref in snapshot.refs([address for _, address in hits]):
            found += snapshot.values_of(ref, field)
    return found


def _estimate(snapshot: Snapshot, query: Query, field: Field) -> int | None:
    """The sum over ranges of values; `None` where there are few, or where ranges share records."""
    remembered = snapshot.samples.get(field)
    if remembered and not _has_many(remembered):
        return None
    if remembered:
        sums = _sums(snapshot, query, field, remembered)
        if sums.is_even:
            return sums.values if sums.is_disjoint else None
    sample = snapshot.samples[field] = _sample(snapshot, query, field)
    if len(snapshot.samples) > _REMEMBERED:
        snapshot.samples.pop(next(iter(snapshot.samples)), None)
    if not _has_many(sample):
        return None
    sums = _sums(snapshot, query, field, sample)
    return sums.values if sums.is_disjoint else None


def _has_many(sample: list[Key]) -> bool:
    """Whether it looks as if there were too many values to list them quickly."""
    return len(set(sample)) * 2 > _SAMPLE


class _Sums(NamedTuple):
    """Over all ranges: different values, records; and how many records the fullest has."""

    values: int
    records: int
    fullest: int
    having: int  # records with the field

    @property
    def is_disjoint(self) -> bool:
        """Whether no record has values in two ranges."""
        return self.records == self.having

    @property
    def is_even(self) -> bool:
        """Whether the ranges fit the values: one alone would have its error undiminished."""
        return self.fullest * 2 <= self.records


def _sums(snapshot: Snapshot, query: Query, field: Field, sample: list[Key]) -> _Sums:
    values = 0
    records = []
    for stratum in _strata(field, sample):
        inside = all_of([query, snapshot.compiler.compile(stratum)])
        sketch = {"values": {"cardinality": {"field": column_of(field)}}, **COUNT_REQUEST}
        answer: dict[str, Any] = snapshot.searcher.aggregate(inside, sketch)
        values += round(answer["values"]["value"])
        records.append(answer["records"]["doc_count"])
    having = all_of([query, snapshot.compiler.compile(Exists(field))])
    return _Sums(values, sum(records), max(records), snapshot.count(having))


def _strata(field: Field, sample: list[Key]) -> Iterator[Filter]:
    """Disjoint ranges of values which together hold every value."""
    strings = sorted({value for kind, value in sample if kind == "string" and is_word(value)})
    borders = [None, *_spread(strings), None]
    for lower, upper in pairwise(borders):
        yield StringRange(field, lower, upper, includes_lower=True, includes_upper=False)
    if field.is_attribute:
        numbers = sorted({float(value) for kind, value in sample if kind == "number"})
        for low, high in pairwise([-float("inf"), *_spread(numbers), float("inf")]):
            yield NumberRange(field, low, high, includes_lower=True, includes_upper=False)
        yield Equals(field, (False,))
        yield Equals(field, (True,))


def _spread(values: list[Any]) -> list[Any]:
    return values[:: max(1, len(values) // (_STRATA - 1))][1:_STRATA]


def _every_value(asked: Asked, field: Field) -> set[Key]:
    values: set[Key] = set()
    for snapshot, query in asked:
        values |= _listed(snapshot, query, field, _CUTS)
    return values


def _listed(snapshot: Snapshot, query: Query, field: Field, cuts: int) -> set[Key]:
    """The values of one partition, range after range where they are too many for one answer."""
    try:
        return set(value_counts(snapshot, query, field))
    except TooMany:
        if not cuts:
            raise Unsupported(f"{field.name!r} has too many different values") from None
    values: set[Key] = set()
    for stratum in _strata(field, _sample(snapshot, query, field)):
        inside = all_of([query, snapshot.compiler.compile(stratum)])
        values |= _listed(snapshot, inside, field, cuts - 1)
    return values
