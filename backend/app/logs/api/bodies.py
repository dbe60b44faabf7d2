"""The bodies of answers, built without a serializer in between: pages have a thousand hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.logs.aggregation import TableRequest, table_columns, table_rows
from app.logs.answers import HistogramAnswer, SearchAnswer, TableAnswer
from app.logs.histogram import Bucket
from app.logs.instants import instant_text
from app.logs.intervals import duration_text
from app.logs.neighbours import Neighbours
from app.logs.rows import hit_row, record_row
from app.logs.selectors import ReplayMark
from app.logs.services import Replayed
from app.logs.syntax import tree_json
from app.logstore.types import FieldInfo, FieldList, StoredRecord, TimeRange, ValueList
from app.query.errors import QuerySyntaxError
from app.query.fields import ALIASES, ATTRIBUTE_PREFIX, ID
from app.query.printer import show
from app.query.tree import Query

Body = dict[str, Any]


def search_body(answer: SearchAnswer) -> Body:
    """A page of a search."""
    return {
        **_head(answer.took_ms, is_late=answer.timed_out, skipped=answer.skipped),
        "range": range_body(answer.range),
        "total": {"value": answer.total, "relation": "gte" if answer.timed_out else "eq"},
        "hits": [
            hit_row(record, spans)
            for record, spans in zip(answer.records, answer.spans, strict=True)
        ],
        "next_cursor": answer.next_cursor,
    }


def range_body(range_: TimeRange) -> Body:
    """The absolute range that was searched."""
    return {"from": instant_text(range_.from_ns), "to": instant_text(range_.to_ns)}


def histogram_body(answer: HistogramAnswer) -> Body:
    """Counts over time."""
    return {
        **_head(answer.took_ms, is_late=answer.timed_out, skipped=answer.skipped),
        "range": range_body(answer.range),
        "interval": duration_text(answer.interval_ns),
        "buckets": [_bucket(bucket) for bucket in answer.buckets],
    }


def _bucket(bucket: Bucket) -> Body:
    body: Body = {"at": instant_text(bucket.at_ns), "count": bucket.count}
    if bucket.by is not None:
        body["by"] = bucket.by
    return body


def table_body(request: TableRequest, answer: TableAnswer) -> Body:
    """The table of an aggregation."""
    table = answer.table
    return {
        **_head(answer.took_ms, is_late=table.timed_out, skipped=table.skipped),
        "range": range_body(answer.range),
        "columns": table_columns(request, table),
        "rows": table_rows(request, table),
        "truncated": table.is_truncated,
    }


def fields_body(listed: FieldList) -> Body:
    """The fields of a range; `coverage` is the share of its records that have the field."""
    return {
        "fields": [
            {
                "name": name,
                "type": field.type,
                "indexed": field.is_indexed,
                "coverage": field.records / listed.total if listed.total else 0.0,
            }
            for name, field in zip(_names(listed.fields), listed.fields, strict=True)
        ],
        "total": listed.total,
        **_incomplete(listed),
    }


def _names(fields: Sequence[FieldInfo]) -> list[str]:
    """Names that mean the same field in a query: an attribute may be called like a built-in field.

    Every record has an id, and `id` is the last built-in field: attributes come after it.
    """
    names = [field.name for field in fields]
    first = names.index(ID.name) + 1 if ID.name in names else 0
    return names[:first] + [_attribute_name(name) for name in names[first:]]


def _attribute_name(path: str) -> str:
    is_taken = path in ALIASES or path.startswith(ATTRIBUTE_PREFIX)
    return ATTRIBUTE_PREFIX + path if is_taken else path


def values_body(listed: ValueList) -> Body:
    """The most frequent values of a field."""
    return {
        "values": [{"value": one.value, "count": one.count} for one in listed.values],
        "other": listed.other,
        "missing": listed.missing,
        "distinct": listed.distinct,
        **_incomplete(listed),
    }


def _incomplete(listed: FieldList | ValueList) -> Body:
    """Why a list is not of all records, where it is not."""
    body: Body = {"timed_out": True} if listed.timed_out else {}
    if listed.skipped:
        body["skipped"] = listed.skipped
    return body


def neighbours_body(found: Neighbours) -> Body:
    """The records around one."""
    return {
        "before": [record_row(record) for record in found.before],
        "record": record_row(found.record),
        "after": [record_row(record) for record in found.after],
    }


def valid_body(query: Query) -> Body:
    """A query that can be asked."""
    return {"valid": True, "normalised": show(query), "tree": tree_json(query), "errors": []}


def invalid_body(error: QuerySyntaxError) -> Body:
    """A query that cannot be asked, and where."""
    errors = [
        {"field": one.field, "code": one.code, "detail": one.detail, **one.extra}
        for one in error.errors
    ]
    return {"valid": False, "normalised": None, "tree": None, "errors": errors}


def entry_row(record: StoredRecord, mark: ReplayMark | None) -> Body:
    """A quarantined entry, and whether it was sent again."""
    return {**record_row(record), "replayed": mark_row(mark)}


def quarantine_body(answer: SearchAnswer, marks: Mapping[str, ReplayMark]) -> Body:
    """A page of quarantined entries."""
    body = search_body(answer)
    for hit in body["hits"]:
        hit["replayed"] = mark_row(marks.get(hit["id"]))
    return body


def mark_row(mark: ReplayMark | None) -> Body | None:
    """When an entry was sent again, by whom, as which record."""
    if mark is None:
        return None
    at_ns = round(mark.at.timestamp() * 1_000) * 1_000_000
    actor = {"kind": mark.actor.kind.value, "id": mark.actor.id}
    return {"at": instant_text(at_ns), "by": actor, "record_id": mark.record_id}


def replayed_body(replayed: Replayed) -> Body:
    """What became of an entry that was sent again."""
    body: Body = {"replayed": mark_row(replayed.mark), "stream": replayed.stream}
    if replayed.is_indexed is not None:
        body["indexed"] = replayed.is_indexed
    return body


def _head(took_ms: int, *, is_late: bool, skipped: Sequence[str]) -> Body:
    head: Body = {"took_ms": took_ms, "timed_out": is_late}
    if skipped:
        head["skipped"] = skipped
    return head
