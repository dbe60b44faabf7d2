"""How the OpenAPI document describes the addresses of searches."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

from app.logs.api.inputs import (
    MAX_FIELDS,
    MAX_PAGE_SIZE,
    MAX_VALUES,
    NEWEST_FIRST,
    OLDEST_FIRST,
)
from app.logs.histogram import DEFAULT_BUCKETS, MAX_BUCKETS
from app.logs.neighbours import MAX_NEIGHBOURS

_TIMES = "RFC 3339, epoch milliseconds or date maths (`now-1d/d`)."

RANGE = [
    OpenApiParameter("from", str, description=f"Default `now-15m`. {_TIMES}"),
    OpenApiParameter("to", str, description=f"Default `now`; not in the range itself. {_TIMES}"),
    OpenApiParameter("stream", str, description="Only this stream; default: all but hidden ones."),
]
TAIL = [
    OpenApiParameter("q", str, description="The query; empty or missing: every record."),
    OpenApiParameter("stream", str, description="Only this stream; default: all but hidden ones."),
]
ASKED = [
    OpenApiParameter("q", str, description="The query; empty or missing: every record."),
    *RANGE,
    OpenApiParameter("timeout_ms", int, description="Default 10000, at most 60000."),
]
PAGE = [
    *ASKED,
    OpenApiParameter("sort", str, enum=[NEWEST_FIRST, OLDEST_FIRST]),
    OpenApiParameter("page_size", int, description=f"Default 50, at most {MAX_PAGE_SIZE}."),
    OpenApiParameter(
        "cursor",
        str,
        description="`next_cursor` of the page before. It brings query, stream, sort, range and page"
        " size; only `page_size` may be changed beside it, and another `q` is refused.",
    ),
]
BUCKETS = [
    *ASKED,
    OpenApiParameter(
        "buckets", int, description=f"At most so many; default {DEFAULT_BUCKETS}, ≤ {MAX_BUCKETS}."
    ),
    OpenApiParameter("by", str, description="Splits each count by the values of this field."),
]
FIELDS = [*RANGE, OpenApiParameter("limit", int, description=f"Attributes, at most {MAX_FIELDS}.")]
VALUES = [
    *ASKED,
    OpenApiParameter("prefix", str, description="Only values whose text begins so."),
    OpenApiParameter("size", int, description=f"Default 20, at most {MAX_VALUES}."),
]
FIELD = OpenApiParameter("field", str, required=True)
ID = OpenApiParameter("id", str, required=True)
AROUND = [
    OpenApiParameter("before", int, description=f"Default 20, at most {MAX_NEIGHBOURS}."),
    OpenApiParameter("after", int, description=f"Default 20, at most {MAX_NEIGHBOURS}."),
    OpenApiParameter("by", str, description="What makes a source; default `service,host`."),
]
WAIT = OpenApiParameter(
    "wait_for", str, enum=["indexed"], description="Answers once the record is found by searches."
)
