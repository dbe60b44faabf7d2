"""The part of a query that is not the caller's: organisation, stream and time range."""

from __future__ import annotations

from typing import Any

from app.core.ids import OrgId
from app.logstore.elastic.names import index_of, org_tag
from app.logstore.places import Hidden
from app.logstore.types import HIDDEN_STREAM_PREFIX, TimeRange

Query = dict[str, Any]
_GREATEST = 2**63 - 1


def confined(org_id: OrgId, query: Query, range_: TimeRange, stream: str | None) -> Query:
    """The query, confined to one organisation, to what was asked for of its streams, and in time.

    Every search of every method goes through here or through `whole_organisation`.
    """
    parts: list[Query] = [{"term": {"org": org_tag(org_id, stream or "")}}]
    if stream is not None:
        parts.append({"term": {"stream": stream}})
    if range_.from_ns >= range_.to_ns or range_.to_ns <= 0:
        return {"match_none": {}}
    parts.append(within("ts", range_.from_ns, range_.to_ns))
    if query != {"match_all": {}}:
        parts.append(query)
    return {"bool": {"filter": parts}}


def whole_organisation(org_id: OrgId, query: Query) -> Query:
    """The query over all records of an organisation, those of hidden streams too."""
    tags = [org_tag(org_id, name) for name in ("", HIDDEN_STREAM_PREFIX)]
    return {"bool": {"filter": [{"terms": {"org": tags}}, query]}}


def without_hidden(query: Query, hidden: Hidden, prefix: str) -> Query:
    """The query without copies whose originals are still there, and originals that were copied."""
    left_out: list[Query] = []
    if hidden.marks:
        left_out.append({"terms": {"mark": list(hidden.marks)}})
    for home, through in hidden.emptied:
        known = [{"term": {"_index": index_of(prefix, home)}}, within("_seq_no", None, through + 1)]
        left_out.append({"bool": {"filter": known}})
    return {"bool": {"filter": [query], "must_not": left_out}} if left_out else query


def within(column: str, from_ns: int | None, to_ns: int | None) -> Query:
    """Records whose integer column lies in [`from_ns`, `to_ns`)."""
    first = -_GREATEST if from_ns is None else max(from_ns, -_GREATEST)
    last = _GREATEST if to_ns is None else min(to_ns - 1, _GREATEST)
    if first > last:
        return {"match_none": {}}
    return {"range": {column: {"gte": first, "lte": last}}}
