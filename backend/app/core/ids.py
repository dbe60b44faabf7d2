"""Identifiers: UUIDv7 (RFC 9562), so that sorting by id is sorting by time."""

from __future__ import annotations

import secrets
import time
from typing import NewType
from uuid import UUID

OrgId = NewType("OrgId", UUID)

_NS_PER_MS = 1_000_000
_FRACTION_BITS = 12
_RANDOM_BITS = 62
_ROOM_BITS = 32


def uuid7(*, unix_ns: int | None = None) -> UUID:
    """A new UUIDv7; `unix_ns` defaults to the clock's.

    Method 3 of RFC 9562 §6.2: a part of the random bits tells the time within the millisecond, so
    that what is made a quarter of a microsecond later sorts after it.
    """
    ns = time.time_ns() if unix_ns is None else unix_ns
    ms, ns_within = divmod(ns, _NS_PER_MS)
    fraction = (ns_within << _FRACTION_BITS) // _NS_PER_MS
    return UUID(int=_uuid7_int(ms, fraction, secrets.randbits(_RANDOM_BITS)))


def uuid7_floor(unix_ms: int) -> UUID:
    """What every UUIDv7 of this millisecond and of later ones is not less than."""
    return UUID(int=_uuid7_int(max(0, unix_ms), 0, 0))


def uuid7_run(unix_ms: int) -> int:
    """The first of a run of UUIDv7 as an integer: `first + i` is the i-th, for i < 2**31.

    The monotonic random method of RFC 9562 §6.2: a run sorts in its own order, and costs one draw.
    """
    tail = secrets.randbits(_RANDOM_BITS - 1) & ~((1 << _ROOM_BITS) - 1)
    return _uuid7_int(unix_ms, secrets.randbits(12), tail | secrets.randbits(_ROOM_BITS - 1))


def _uuid7_int(unix_ms: int, rand_a: int, rand_b: int) -> int:
    return (unix_ms & ((1 << 48) - 1)) << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | rand_b


def uuid_text(value: int) -> str:
    """The canonical text of a UUID given as an integer."""
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
