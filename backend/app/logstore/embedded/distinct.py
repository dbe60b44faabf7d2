"""The different values of a field among matching records, exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tantivy import Query

from app.core.errors import Unsupported
from app.logstore.embedded.columns import Key, column_of, has_column, key_of
from app.logstore.embedded.nodes import BUCKET_LIMIT, EVERY_VALUE
from app.logstore.embedded.partition import Snapshot
from app.query.fields import Field

_REFUSED = re.compile(r"bucket limit was exceeded\. Limit: \d+, Current: (\d+)")


class TooMany(Exception):
    """There are more values than tantivy lists; `count` of them in this partition."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def count_distinct(asked: Sequence[tuple[Snapshot, Query]], field: Field) -> int:
    """How many different values the matching records have."""
    if not has_column(field):
        return 0
    values: set[Key] = set()
    for snapshot, query in asked:
        try:
            values.update(value_counts(snapshot, query, field))
        except TooMany as error:
            if len(asked) == 1:
                return error.count
            raise Unsupported(
                f"{field.name!r} has more than {BUCKET_LIMIT} different values in a partition;"
                " they can be counted within one partition only"
            ) from error
    return len(values)


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
        refused = _REFUSED.search(str(error))
        if refused is None:
            raise
        raise TooMany(int(refused[1])) from error
    return answer
