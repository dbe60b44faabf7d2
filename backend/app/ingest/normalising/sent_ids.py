"""Which sent values are ids, and what a record with one is compared by."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

MAX_ID_BYTES = 512
_DIGEST_BYTES = 16


def id_of(value: Any) -> str | None:
    """The id that a sent value means; `None` when it counts as not sent."""
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is not str or not value:
        return None
    text: str = value
    # A code point takes four bytes at most.
    if len(text) > MAX_ID_BYTES // 4 and len(text.encode()) > MAX_ID_BYTES:
        return None
    return text


def digest_of(line: bytes) -> bytes:
    """What tells whether two records with the same id are one."""
    return blake2b(line, digest_size=_DIGEST_BYTES).digest()
