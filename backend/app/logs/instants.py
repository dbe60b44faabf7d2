"""Instants as the API writes them: RFC 3339, UTC, as many fraction digits as are needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.logstore.types import NS_PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(instant_ns: int) -> str:
    """`2026-11-20T10:00:00Z` with three, six or nine fraction digits when they are not zero."""
    seconds, nanoseconds = divmod(instant_ns, NS_PER_SECOND)
    if nanoseconds == 0:
        return _second_text(seconds) + "Z"
    if nanoseconds % 1_000:
        return f"{_second_text(seconds)}.{nanoseconds:09d}Z"
    if nanoseconds % 1_000_000:
        return f"{_second_text(seconds)}.{nanoseconds // 1_000:06d}Z"
    return f"{_second_text(seconds)}.{nanoseconds // 1_000_000:03d}Z"


# Neighbours on a page share their second.
@lru_cache(maxsize=4_096)
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
