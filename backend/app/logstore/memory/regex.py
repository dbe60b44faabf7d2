"""Patterns printed for re2: linear time, whatever the pattern and the value."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2

from app.core.errors import Invalid
from app.query.patterns import (
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
    quantifier,
)

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.never_capture = True
_OPTIONS.dot_nl = True
_OPTIONS.max_mem = 64 << 20


@lru_cache(maxsize=1024)
def whole_value_test(pattern: Pattern) -> Callable[[str], bool]:
    """A test whether the pattern matches a whole text, newlines included, case-sensitive.

    Raises `Invalid` with code `regex_too_complex` where re2 refuses the size; `query.regex` refuses
    such a pattern first, by its own measure.
    """
    try:
        compiled = re2.compile(printed(pattern), _OPTIONS)
    except re2.error as error:
        raise Invalid("the pattern is too complex", code="regex_too_complex") from error
    # Half a code point, which JSON text may name but UTF-8 cannot, must not stop a search.
    return lambda text: compiled.fullmatch(text.encode("utf-8", "surrogatepass")) is not None


def printed(pattern: Pattern) -> str:
    """The pattern in re2's syntax; nothing in it depends on what stands around it."""
    match pattern:
        case Empty():
            return "(?:)"
        case Text(text):
            return "".join(map(_code_point, text))
        case AnyCodePoint():
            return "."
        case OneOf(ranges, negated):
            return _character_class(ranges, negated=negated)
        case Sequence(parts):
            return "".join(printed(part) for part in parts)
        case Either(branches):
            return f"(?:{'|'.join(printed(branch) for branch in branches)})"
        case Repeat(part, least, most):
            return f"(?:{printed(part)}){quantifier(least, most)}"


def _code_point(character: str) -> str:
    is_plain = character.isascii() and character.isalnum()
    return character if is_plain else f"\\x{{{ord(character):X}}}"


def _character_class(ranges: tuple[tuple[int, int], ...], *, negated: bool) -> str:
    if not ranges:
        return "." if negated else r"[^\x{0}-\x{10FFFF}]"
    inside = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in ranges)
    return f"[{'^' if negated else ''}{inside}]"
