"""One line to one JSON object: orjson, and a slower parser for what orjson refuses.

What JSON libraries cannot hold is kept, never refused: an integer beyond 64 bits and a float beyond
a double stay as their text, a lone surrogate becomes U+FFFD, and what is nested too deep to be
written again is one string, its JSON text as sent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson

# orjson writes 254 levels; a hit of the search API is a few levels inside its answer.
MAX_NESTING = 200
_INT64_MIN = -(2**63)
_UINT64_MAX = 2**64 - 1
_DIGITS_OF_64_BITS = 20

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Every digit becomes 0 and every opening bracket {, so that one pass serves all searches.
_SKELETON = bytes.maketrans(b"123456789[", b"000000000{")
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"{[\n")))
_LONG_RUN = b"0" * _DIGITS_OF_64_BITS
_LONG_NEGATIVE = b"-" + b"0" * (_DIGITS_OF_64_BITS - 1)


class Unreadable(Exception):
    """A line that is no JSON object; `code` is stable, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def read_record(line: bytes) -> dict[str, Any]:
    """The object of a line; `Unreadable` if there is none. Safe to change, strings are UTF-8."""
    skeleton = line.translate(_SKELETON)
    if skeleton.count(b"{") > MAX_NESTING or _has_long_numbers(skeleton):
        return read_with_care(line)
    return read_plain(line)


def reader_of(lines: Sequence[bytes]) -> Callable[[bytes], dict[str, Any]]:
    """A `read_record` for these lines, which takes the short cuts that they allow together."""
    together = b"\n".join(lines)
    if _has_long_numbers(together.translate(_SKELETON)):
        return read_record
    brackets = together.translate(None, _NO_BRACKETS).split(b"\n")
    return read_nested if max(map(len, brackets)) > MAX_NESTING else read_plain


def _has_long_numbers(skeleton: bytes) -> bool:
    """Whether there may be integers in it that orjson would turn into floats."""
    return _LONG_NEGATIVE[1:] in skeleton and (_LONG_RUN in skeleton or _LONG_NEGATIVE in skeleton)


def read_nested(line: bytes) -> dict[str, Any]:
    """`read_record` without long numbers."""
    is_deep = line.count(b"{") + line.count(b"[") > MAX_NESTING
    return read_with_care(line) if is_deep else read_plain(line)


def read_plain(line: bytes) -> dict[str, Any]:
    """`read_record` without long numbers and deep nesting."""
    try:
        value: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        return read_with_care(line)
    return value if type(value) is dict else read_with_care(line)


def read_with_care(line: bytes) -> dict[str, Any]:
    """Like `read_record`, with the slower parser."""
    line = _flattened(line.removeprefix(_BYTE_ORDER_MARK))
    try:
        # Surrogates written as bytes are treated like those written as escapes.
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise Unreadable("invalid_utf8", f"not UTF-8 at byte {error.start}") from error
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable("invalid_json", f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        # Only what is never closed gets here: the rest was flattened.
        raise Unreadable("invalid_json", "more brackets are opened than closed") from error
    return _an_object(value)


def _an_object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Unreadable("not_an_object", "a record is a JSON object")
    return value


def _integer(text: str) -> int | str:
    if len(text) > _DIGITS_OF_64_BITS:
        return text
    number = int(text)
    return number if _INT64_MIN <= number <= _UINT64_MAX else text


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _constant(text: str) -> str:
    return text  # NaN, Infinity, -Infinity


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_whole(key): _whole_value(value) for key, value in pairs}


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text) if _SURROGATE.search(text) else text


def _whole_value(value: Any) -> Any:
    if type(value) is str:
        return _whole(value)
    if type(value) is list:
        # Objects in the list are whole already: each went through `_pairs`.
        return [_whole_value(child) for child in value]
    return value


_DECODER = json.JSONDecoder(
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
    object_pairs_hook=_pairs,
)


def _flattened(line: bytes) -> bytes:
    """The line with everything below `MAX_NESTING` levels written as strings of JSON text."""
    if line.count(b"{") + line.count(b"[") <= MAX_NESTING:
        return line
    pieces: list[bytes] = []
    depth = kept_to = deep_from = 0
    for match in _BRACKETS.finditer(line):
        bracket = match[0]
        if bracket in b"{[":
            depth += 1
            if depth == MAX_NESTING + 1:
                deep_from = match.start()
        elif bracket in b"]}":
            if depth == MAX_NESTING + 1:
                deep = line[deep_from : match.end()].decode(errors="replace")
                pieces += [line[kept_to:deep_from], json.dumps(deep).encode()]
                kept_to = match.end()
            depth -= 1
    pieces.append(line[kept_to:])
    return b"".join(pieces)
