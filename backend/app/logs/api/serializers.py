"""The shapes of requests and answers, for the OpenAPI document only: nothing passes through them.

Some members are keywords or have an `@` in their names, so the shapes are written as dictionaries.
The document adds `Request` to the names of what is sent.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers as s


def _moment(help_text: str) -> s.CharField:
    return s.CharField(
        required=False, help_text=f"{help_text}. RFC 3339, epoch milliseconds or date maths."
    )


def _asked() -> dict[str, s.Field[Any, Any, Any, Any]]:
    return {
        "q": s.CharField(required=False, help_text="The query; empty or missing: every record."),
        "from": _moment("Default: now-15m"),
        "to": _moment("Default: now"),
        "stream": s.CharField(required=False, help_text="Only this stream; default: all of them."),
        "timeout_ms": s.IntegerField(required=False, min_value=1, max_value=60_000),
    }


def _record() -> dict[str, s.Field[Any, Any, Any, Any]]:
    keywords = ("service", "host", "environment", "logger", "trace_id", "span_id")
    return {
        "id": s.CharField(),
        "@timestamp": s.DateTimeField(help_text="UTC, up to nine fraction digits."),
        "observed_at": s.DateTimeField(),
        "message": s.CharField(),
        "level": s.ChoiceField(
            ["trace", "debug", "info", "warn", "error", "fatal"], allow_null=True
        ),
        "level_number": s.IntegerField(allow_null=True),
        **{name: s.CharField(allow_null=True) for name in keywords},
        "stream": s.CharField(),
        "attributes": s.DictField(),
        "_not_indexed": s.ListField(
            child=s.CharField(),
            required=False,
            help_text="Attributes that search does not see in full.",
        ),
    }


def _skipped() -> s.Field[Any, Any, Any, Any]:
    return s.ListField(
        child=s.CharField(),
        required=False,
        help_text="Partitions that could not be read; the answer is without them.",
    )


def _incomplete() -> dict[str, s.Field[Any, Any, Any, Any]]:
    """Only in an answer that is not of all records."""
    return {"timed_out": s.BooleanField(required=False), "skipped": _skipped()}


def _answer() -> dict[str, s.Field[Any, Any, Any, Any]]:
    return {
        "took_ms": s.IntegerField(),
        "timed_out": s.BooleanField(),
        "skipped": _skipped(),
        "range": RANGE,
    }


def _page(name: str, hit: s.Serializer[None]) -> s.Serializer[None]:
    return inline_serializer(
        name,
        {
            **_answer(),
            "total": inline_serializer(
                f"{name}Total",
                {"value": s.IntegerField(), "relation": s.ChoiceField(["eq", "gte"])},
            ),
            "hits": hit,
            "next_cursor": s.CharField(allow_null=True),
        },
    )


def _highlight() -> s.DictField:
    return s.DictField(
        child=s.ListField(child=s.ListField(child=s.IntegerField(), min_length=2, max_length=2)),
        help_text="Places in `message` that matched, [start, end) in code points.",
    )


RANGE: s.Serializer[None] = inline_serializer(
    "SearchedRange", {"from": s.DateTimeField(), "to": s.DateTimeField()}
)
RECORD: s.Serializer[None] = inline_serializer("LogRecord", _record())
MARK: s.Serializer[None] = inline_serializer(
    "ReplayMark",
    {
        "at": s.DateTimeField(),
        "by": inline_serializer("ReplayActor", {"kind": s.CharField(), "id": s.CharField()}),
        "record_id": s.CharField(),
    },
    allow_null=True,
)
ENTRY: s.Serializer[None] = inline_serializer("QuarantinedEntry", {**_record(), "replayed": MARK})
SEARCH_PAGE = _page(
    "SearchPage",
    inline_serializer("SearchHit", {**_record(), "highlight": _highlight()}, many=True),
)
QUARANTINE_PAGE = _page(
    "QuarantinePage",
    inline_serializer(
        "QuarantineHit", {**_record(), "highlight": _highlight(), "replayed": MARK}, many=True
    ),
)
SEARCH_REQUEST: s.Serializer[None] = inline_serializer(
    "Search",
    {
        **_asked(),
        "sort": s.ChoiceField(["-@timestamp", "@timestamp"], required=False),
        "page_size": s.IntegerField(required=False, min_value=1, max_value=1_000),
        "cursor": s.CharField(required=False, max_length=1_024),
    },
)
HISTOGRAM: s.Serializer[None] = inline_serializer(
    "Histogram",
    {
        **_answer(),
        "interval": s.CharField(),
        "buckets": inline_serializer(
            "HistogramBucket",
            {
                "at": s.DateTimeField(),
                "count": s.IntegerField(),
                "by": s.DictField(child=s.IntegerField(), required=False),
            },
            many=True,
        ),
    },
)
TABLE_REQUEST: s.Serializer[None] = inline_serializer(
    "Aggregate",
    {
        **_asked(),
        "group_by": inline_serializer(
            "AggregateGroup",
            {
                "field": s.CharField(required=False),
                "size": s.IntegerField(required=False, min_value=1, max_value=1_000),
                "interval": s.CharField(required=False, help_text="`90s`, `5m`, `24h`, `7d`"),
            },
            many=True,
            required=False,
        ),
        "metrics": inline_serializer(
            "AggregateMetric",
            {
                "fn": s.CharField(help_text="count, sum, avg, min, max, uniq, p50 … p99.9"),
                "field": s.CharField(required=False),
                "as": s.CharField(required=False),
            },
            many=True,
            required=False,
        ),
        "limit": s.IntegerField(required=False, min_value=1, max_value=10_000),
    },
)
TABLE: s.Serializer[None] = inline_serializer(
    "AggregateTable",
    {
        **_answer(),
        "columns": inline_serializer(
            "AggregateColumn",
            {
                "name": s.CharField(),
                "type": s.ChoiceField(["string", "number", "boolean", "time", "mixed"]),
            },
            many=True,
        ),
        "rows": s.ListField(child=s.ListField(child=s.JSONField())),
        "truncated": s.BooleanField(),
    },
)
FIELDS: s.Serializer[None] = inline_serializer(
    "FieldList",
    {
        "fields": inline_serializer(
            "FieldDescription",
            {
                "name": s.CharField(),
                "type": s.ChoiceField(["string", "number", "boolean", "time", "mixed"]),
                "indexed": s.BooleanField(help_text="It can be aggregated."),
                "coverage": s.FloatField(help_text="The share of records that have it."),
            },
            many=True,
        ),
        "total": s.IntegerField(),
        **_incomplete(),
    },
)
VALUES: s.Serializer[None] = inline_serializer(
    "FieldValues",
    {
        "values": inline_serializer(
            "FieldValue", {"value": s.JSONField(), "count": s.IntegerField()}, many=True
        ),
        "other": s.IntegerField(help_text="Records with none but other values."),
        "missing": s.IntegerField(help_text="Records without the field."),
        "distinct": s.IntegerField(),
        **_incomplete(),
    },
)
NEIGHBOURS: s.Serializer[None] = inline_serializer(
    "Neighbours",
    {
        "before": inline_serializer("RecordBefore", _record(), many=True),
        "record": RECORD,
        "after": inline_serializer("RecordAfter", _record(), many=True),
    },
)
VALIDATE_REQUEST: s.Serializer[None] = inline_serializer("Validate", {"q": s.CharField()})
VALIDATION: s.Serializer[None] = inline_serializer(
    "Validation",
    {
        "valid": s.BooleanField(),
        "normalised": s.CharField(allow_null=True, help_text="The query as we would write it."),
        "tree": s.DictField(
            allow_null=True, help_text="Nodes with kind, position, length and their parts."
        ),
        "errors": inline_serializer(
            "QueryMistake",
            {
                "field": s.CharField(),
                "code": s.CharField(),
                "detail": s.CharField(),
                "position": s.IntegerField(),
                "length": s.IntegerField(),
                "expected": s.ListField(child=s.CharField()),
                "suggestion": s.CharField(allow_null=True),
                "caret": s.CharField(),
            },
            many=True,
        ),
    },
)
REPLAY_REQUEST: s.Serializer[None] = inline_serializer(
    "Replay",
    {"raw": s.CharField(required=False, help_text="The repaired line; default: as it came.")},
)
REPLAYED: s.Serializer[None] = inline_serializer(
    "Replayed",
    {"replayed": MARK, "stream": s.CharField(), "indexed": s.BooleanField(required=False)},
)
