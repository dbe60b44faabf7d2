"""The text of `message` as it goes to the index, so that tantivy's tokens are those of the language.

architecture.md, "Tokens of `message`".
"""

from __future__ import annotations

import re
import unicodedata

MAX_TOKEN_CHARACTERS = 255
_LONG_RUN = re.compile(f"[A-Za-z0-9]{{{MAX_TOKEN_CHARACTERS + 1}}}")


class _Table(dict[int, str]):
    """Maps a code point to what the index gets for it; filled as code points are met."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        if unicodedata.category(character)[0] in "LN":
            lower = character.lower()
            folded = lower if len(lower) == 1 else character
        else:
            folded = " "
        self[code_point] = folded
        return folded


_TABLE = _Table()


def index_text(message: str) -> str:
    """The message, or where it needs it a text of the same tokens."""
    if not message.isascii():
        message = message.translate(_TABLE)
        return _cut(message)
    if len(message) > MAX_TOKEN_CHARACTERS and _LONG_RUN.search(message):
        return _cut(message)
    return message


def _cut(message: str) -> str:
    return " ".join(word[:MAX_TOKEN_CHARACTERS] for word in message.split())
