"""JSON in and out of REST views, by orjson."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from typing_extensions import override

# Far more than any request has. The thousand that orjson reads are more than Python can show in the
# text of an error.
MAX_DEPTH = 64


class OrjsonRenderer(BaseRenderer):
    """Compact JSON. What orjson cannot write (integers beyond 64 bits, lone surrogates, which
    records may hold) is written by the slower standard library."""

    media_type = "application/json"
    format = "json"
    charset = None

    @override
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            return json.dumps(data, default=str, separators=(",", ":")).encode()


class OrjsonParser(BaseParser):
    """JSON of config requests; nesting too deep is refused, not a crash."""

    media_type = "application/json"

    @override
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            sent = orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"the body is not JSON: {error}") from error
        if _is_deeper(sent, MAX_DEPTH):
            raise ParseError(f"the body is nested deeper than {MAX_DEPTH}")
        return sent


def _is_deeper(value: Any, depth: int) -> bool:
    """Layer by layer: calls inside calls would end where they are needed."""
    layer = [value]
    for _ in range(depth):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return any(isinstance(one, dict | list) for one in layer)
