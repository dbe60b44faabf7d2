"""The most frequent values of a field over several partitions, when they cannot all be listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tantivy import Query

from app.core.errors import Unsupported
from app.logstore.embedded.columns import Key, column_of, key_of, rank, term_of
from app.logstore.embedded.distinct import aggregated
from app.logstore.embedded.nodes import EVERY_VALUE
from app.logstore.embedded.partition import Snapshot
from app.query.fields import Field

_LISTED = 20_000
# How many times more values than wanted are counted exactly before it is given up.
_CANDIDATES = 8


class _Seen(NamedTuple):
    """What one partition lists; a value that it does not list has at most `floor` records."""

    snapshot: Snapshot
    query: Query
    counts: dict[Key, int]
    floor: int


def most_frequent(
    asked: Sequence[tuple[Snapshot, Query]], field: Field, wanted: int
) -> list[tuple[Key, int]]:
    """The `wanted` most frequent values with their exact counts, in order.

    `Unsupported` where no bounded work tells which they are.
    """
    seen = [_listed(snapshot, query, field) for snapshot, query in asked]
    known: Counter[Key] = Counter()
    for one in seen:
        known.update(one.counts)
    at_most = {
        key: count + sum(one.floor for one in seen if key not in one.counts)
        for key, count in known.items()
    }
    likely = sorted(at_most, key=lambda key: rank(key, at_most[key]))
    candidates, others = likely[: wanted * _CANDIDATES], likely[wanted * _CANDIDATES :]
    exact = {key: known[key] for key in candidates}
    for one in seen:
        _add_missing(exact, one, field)
    chosen = sorted(exact, key=lambda key: rank(key, exact[key]))[:wanted]
    ceiling = max(sum(one.floor for one in seen), at_most[others[0]] if others else 0)
    if any(one.floor for one in seen) and (len(chosen) < wanted or exact[chosen[-1]] <= ceiling):
        raise Unsupported(
            f"{field.name!r} has too many different values to tell which are the most frequent"
        )
    return [(key, exact[key]) for key in chosen]


def _listed(snapshot: Snapshot, query: Query, field: Field) -> _Seen:
    terms = {"field": column_of(field), "size": _LISTED, "segment_size": EVERY_VALUE}
    answer = aggregated(snapshot, query, {"values": {"terms": terms}})["values"]
    counts = {key_of(field, bucket): bucket["doc_count"] for bucket in answer["buckets"]}
    is_cut = bool(answer.get("sum_other_doc_count"))
    return _Seen(snapshot, query, counts, answer["buckets"][-1]["doc_count"] if is_cut else 0)


def _add_missing(exact: dict[Key, int], seen: _Seen, field: Field) -> None:
    """Asks a partition that did not list everything for the candidates that it left out."""
    missing = [key for key in exact if key not in seen.counts] if seen.floor else []
    if not missing:
        return
    if any(kind != "string" for kind, _ in missing):
        raise Unsupported(f"{field.name!r} has too many different numbers to be ranked")
    terms = {
        "field": column_of(field),
        "size": len(missing),
        "segment_size": EVERY_VALUE,
        "include": [term_of(field, value) for _, value in missing],
    }
    answer = aggregated(seen.snapshot, seen.query, {"values": {"terms": terms}})
    for bucket in answer["values"]["buckets"]:
        exact[key_of(field, bucket)] += bucket["doc_count"]
