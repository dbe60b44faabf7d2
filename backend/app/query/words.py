"""The tokens of `message`: one rule for records, for queries and for highlighting.

A token is a longest run of code points of Unicode category L or N, lower-cased one code point at a
time, cut at 255 code points: a longer run is several tokens next to each other. Only U+0130 (İ) has
a lower case of two code points; its one-code-point lower case is i, as in Unicode's own table of
simple mappings. So folding never changes a length, and offsets are those of the text as sent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

MAX_TOKEN = 255

# No letter or number has a code point above (Unicode 14; a test looks).
_LETTERS_END = 0x40000
_CODE_POINTS = 0x110000

_ASCII_TOKEN = re.compile(f"[0-9a-z]{{1,{MAX_TOKEN}}}")
_FOLDED_TOKEN = re.compile(f"[^ ]{{1,{MAX_TOKEN}}}")
_FULL_TOKEN = re.compile(f"(?:[^ ]{{{MAX_TOKEN}}})(?=[^ ])")
_ASCII_FULL_TOKEN = re.compile(f"[0-9A-Za-z]{{{MAX_TOKEN}}}(?=[0-9A-Za-z])")
# Deleting these from bytes is the fastest way to see whether there are others.
_PLAIN_ASCII = bytes((9, 10, *range(32, 127)))
# A run longer than a token covers at least this many of every sixteenth code points.
_STRIDE = 16
_LONG_ASCII = re.compile(f"[0-9A-Za-z]{{{(MAX_TOKEN + 1) // _STRIDE}}}")


class Token(NamedTuple):
    """A token of a text, lower-cased, and its place in the text: code points [start, end)."""

    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order."""
    if text.isascii():
        found = _ASCII_TOKEN.finditer(text.lower())
    else:
        found = _FOLDED_TOKEN.finditer(fold(text))
    return [Token(match.group(), match.start(), match.end()) for match in found]


def token_texts(text: str) -> tuple[str, ...]:
    """The tokens of a text without their places."""
    if text.isascii():
        return tuple(_ASCII_TOKEN.findall(text.lower()))
    return tuple(_FOLDED_TOKEN.findall(fold(text)))


def is_token(text: str) -> bool:
    """Whether the text, not empty, consists of letters and numbers only."""
    return " " not in fold(text)


def index_text(message: str) -> str:
    """What an engine indexes so that its own tokenizer finds exactly our tokens.

    Printable ASCII, tab and newline go as they are (the engine lower-cases ASCII). In any other
    text everything outside L and N is a space and the rest lower-cased. A run that is longer than a
    token gets spaces at the cuts, so that no engine's own limit ever matters.
    """
    if message.isascii() and not message.encode().translate(None, _PLAIN_ASCII):
        if len(message) <= MAX_TOKEN or not _LONG_ASCII.search(message[::_STRIDE]):
            return message
        return _ASCII_FULL_TOKEN.sub(r"\g<0> ", message)
    folded = fold(message)
    return folded if len(folded) <= MAX_TOKEN else _FULL_TOKEN.sub(r"\g<0> ", folded)


def index_texts(messages: Sequence[str]) -> Sequence[str]:
    """`index_text` of many messages; of those that go as they are at the price of a look."""
    together = "\n".join(messages)
    if not together.isascii() or together.encode().translate(None, _PLAIN_ASCII):
        return [index_text(message) for message in messages]
    if max(map(len, messages), default=0) <= MAX_TOKEN:
        return messages
    return [one if len(one) <= MAX_TOKEN else index_text(one) for one in messages]


def fold(text: str) -> str:
    """The text with a space for everything outside L and N, lower-cased per code point."""
    return text.translate(_table())


def lower(character: str) -> str:
    """The lower case of one code point, as one code point."""
    lowered = character.lower()
    return lowered if len(lowered) == 1 else lowered[0]


@cache
def _table() -> str:
    """For each code point the one that stands for it; made when the first text needs it."""
    category = unicodedata.category
    folded = [
        lower(character) if category(character)[0] in "LN" else " "
        for character in map(chr, range(_LETTERS_END))
    ]
    return "".join(folded) + " " * (_CODE_POINTS - _LETTERS_END)


@cache
def lower_pairs() -> tuple[tuple[int, int], ...]:
    """Every (code point, its lower case) that differ, sorted."""
    table = _table()
    return tuple(
        (code_point, ord(table[code_point]))
        for code_point in range(_LETTERS_END)
        if table[code_point] not in (" ", chr(code_point))
    )
