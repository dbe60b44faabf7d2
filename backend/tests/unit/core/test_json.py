"""JSON of the API: fast where possible, and right where orjson cannot."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from rest_framework.exceptions import ParseError

from app.core.json import MAX_DEPTH, OrjsonParser, OrjsonRenderer

RENDERER = OrjsonRenderer()


def test_answers_are_compact_json() -> None:
    value = {"a": [1, None, True], "b": UUID(int=1), "c": datetime(2026, 1, 2, tzinfo=UTC), 1: "x"}
    assert RENDERER.render(value) == (
        b'{"a":[1,null,true],"b":"00000000-0000-0000-0000-000000000001",'
        b'"c":"2026-01-02T00:00:00+00:00","1":"x"}'
    )
    assert RENDERER.render(None) == b""


@pytest.mark.parametrize("value", [2**64, -(2**70), "\ud800", {"a": [10**30]}])
def test_what_orjson_cannot_write_is_written_all_the_same(value: object) -> None:
    assert json.loads(RENDERER.render({"v": value})) == {"v": value}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN", b"1 2"])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match="not JSON"):
        OrjsonParser().parse(io.BytesIO(body))


def nested(depth: int) -> bytes:
    return b'{"a":[' * (depth // 2) + b"1" + b"]}" * (depth // 2)


def test_what_is_nested_deeper_than_anything_asked_for_is_refused() -> None:
    assert OrjsonParser().parse(io.BytesIO(nested(MAX_DEPTH)))
    for depth in (MAX_DEPTH + 2, 900, 1_000):
        with pytest.raises(ParseError, match="nested deeper than 64"):
            OrjsonParser().parse(io.BytesIO(nested(depth)))
