"""Instants as text."""

from __future__ import annotations

import pytest

from app.logs.instants import instant_text


@pytest.mark.parametrize(
    ("instant_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_000, "1970-01-01T00:00:00.000001Z"),
        (120_000_000, "1970-01-01T00:00:00.120Z"),
        (1_795_168_800_123_456_789, "2026-11-20T10:00:00.123456789Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_an_instant_has_the_digits_it_needs(instant_ns: int, text: str) -> None:
    assert instant_text(instant_ns) == text
