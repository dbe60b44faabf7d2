"""Is this line the text of a JSON object, and where in a body does each JSON value end?

Lines are kept as they came; they are parsed here only to see whether they can be read. orjson
decides at a microsecond a line; what it refuses and Python's parser reads (numbers beyond a double,
lone surrogates, NaN) is a record all the same.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from app.core.errors import Invalid
from app.ingest.protocols.records import MIB, Reason
from app.ingest.reading import Unreadable, read_with_care

_SPACE = " \t\n\r"
_NOT_SPACE = re.compile(rb"\S")
_SPACE_RUN = re.compile(r"[ \t\n\r]*")
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_NEWLINES = str.maketrans("\n\r", "  ")

_SLICE = 1_000

# Every digit becomes 0, so that one search finds long runs of digits.
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN = b"0" * 19

# Numbers stay text: an integer of a million digits costs no more than its length.
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)

NOT_AN_OBJECT = Reason("not_an_object", "a record is a JSON object")


def first_byte(body: bytes) -> bytes:
    """The first byte that is not white space; empty when there is none."""
    found = _NOT_SPACE.search(body)
    return found.group() if found else b""


def has_long_number(text: bytes) -> bool:
    """Whether there may be an integer that orjson reads as a float: one beyond 64 bits."""
    return _LONG_RUN in text.translate(_DIGITS_TO_ZERO)


def split_lines(body: bytes, piece_bytes: int = 4 * MIB) -> list[bytes]:
    """The lines without their line ends; what follows the last line end is one if not empty.

    In pieces, because the interpreter serves no other thread while one is taken apart.
    """
    lines: list[bytes] = []
    start = end = 0
    while start < len(body):
        end = body.find(b"\n", start + piece_bytes)
        end = len(body) if end < 0 else end
        lines += body[start:end].split(b"\n")
        start = end + 1
    if end == len(body) and lines and not lines[-1]:
        lines.pop()
    if b"\r" in body:
        lines = [line.removesuffix(b"\r") for line in lines]
    return lines


def are_objects(lines: Sequence[bytes]) -> bool:
    """Whether orjson reads every line as an object: the fast way, many lines at once."""
    try:
        # In slices, because the interpreter serves no other thread in the middle of one.
        return all(
            set(map(type, map(orjson.loads, lines[start : start + _SLICE]))) == {dict}
            for start in range(0, len(lines), _SLICE)
        )
    except orjson.JSONDecodeError:
        return False


def why_unreadable(line: bytes) -> Reason | None:
    """Why a line is not the text of a JSON object; `None` when it is one, for the shipper too."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _why_unreadable_with_care(line)
    return None if isinstance(value, dict) else NOT_AN_OBJECT


def _why_unreadable_with_care(line: bytes) -> Reason | None:
    try:
        read_with_care(line)
    except Unreadable as error:
        return Reason(error.code, error.detail)
    return None


class Value(NamedTuple):
    """One JSON value of a body, on one line; `line` is `None` when it is over the limit."""

    line: bytes | None
    size: int
    problem: Reason | None = None


def split_values(body: bytes, *, value_bytes: int) -> Iterator[Value]:
    """The elements of one JSON array, or JSON values that follow one another, each as it was sent.

    Line breaks between tokens become spaces. Works through a window, so that no value over
    `value_bytes` is ever built. Raises `Invalid` where the text stops being JSON.
    """
    start = len(body) - len(body.lstrip())
    is_array = body[start : start + 1] == b"["
    splitter = _Splitter(body, start + is_array, value_bytes)
    yield from splitter.elements() if is_array else splitter.values()


class _Splitter:
    """A window of text that moves over the body, and a place in it."""

    def __init__(self, body: bytes, offset: int, value_bytes: int) -> None:
        self._body = body
        self._value_bytes = value_bytes
        self._window_bytes = value_bytes + MIB
        self._open(offset)

    def _open(self, offset: int) -> None:
        self._offset = offset
        end = offset + self._window_bytes
        self._is_last = end >= len(self._body)
        try:
            self._text, _ = codecs.utf_8_decode(
                self._body[offset:end], "surrogatepass", self._is_last
            )
        except UnicodeDecodeError as error:
            raise Invalid(
                f"byte {offset + error.start + 1} of the body is not UTF-8", code="invalid_utf8"
            ) from error
        self._at = 0

    def _slide(self) -> None:
        """Opens the window where we are."""
        self._open(self._offset + self._bytes_before(self._at))

    def _bytes_before(self, place: int) -> int:
        return len(self._text[:place].encode("utf-8", "surrogatepass"))

    def _peek(self) -> str:
        """The next character that is not white space; empty at the end of the body."""
        while True:
            found = _SPACE_RUN.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or self._is_last:
                return self._text[self._at : self._at + 1]
            self._slide()

    def _not_json(self, error: json.JSONDecodeError) -> Invalid:
        self._at = error.pos
        return self._fail(f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')}")

    def _fail(self, words: str) -> Invalid:
        place = self._offset + self._bytes_before(self._at)
        return Invalid(f"the body is not JSON: {words} at byte {place + 1}", code="invalid_json")

    def values(self) -> Iterator[Value]:
        while self._peek():
            yield self._value()

    def elements(self) -> Iterator[Value]:
        if self._peek() == "]":
            self._at += 1
        else:
            yield self._value()
            while self._peek() == ",":
                self._at += 1
                self._peek()
                yield self._value()
            if self._peek() != "]":
                raise self._fail("expected ',' or ']'")
            self._at += 1
        if self._peek():
            raise self._fail("expected nothing after the array")

    def _value(self) -> Value:
        try:
            value, end = _LENIENT.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            return self._value_over_the_edge(error)
        except RecursionError:
            return self._skip()
        if end == len(self._text) and not self._is_last and self._at:
            # A number that ends with the window may go on behind it.
            self._slide()
            return self._value()
        text = self._text[self._at : end]
        if "\n" in text or "\r" in text:
            text = text.translate(_NEWLINES)
        line = text.encode("utf-8", "surrogatepass")
        self._at = end
        problem = None if isinstance(value, dict) else NOT_AN_OBJECT
        return Value(line if len(line) <= self._value_bytes else None, len(line), problem)

    def _value_over_the_edge(self, error: json.JSONDecodeError) -> Value:
        if self._is_last:
            raise self._not_json(error)
        if self._at:
            self._slide()
            return self._value()
        skipped = self._skip()
        if skipped.line is not None:
            raise self._not_json(error)
        return skipped

    def _skip(self) -> Value:
        """Passes over a value that cannot be built, by counting its brackets."""
        start = self._offset + self._bytes_before(self._at)
        depth = 0
        for found in _STRING_OR_BRACKET.finditer(self._body, start):
            token = found.group()
            if token in (b"[", b"{"):
                depth += 1
            elif token in (b"]", b"}"):
                depth -= 1
            if depth <= 0:
                raw = self._body[start : found.end()]
                self._open(found.end())
                if len(raw) > self._value_bytes:
                    return Value(None, len(raw))
                line = raw.translate(None, b"\n\r")
                return Value(line, len(raw), why_unreadable(line))
        raise self._fail("a value has no end")
