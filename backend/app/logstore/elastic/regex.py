"""Patterns printed in the syntax of Lucene's regular expressions, without its optional operators."""

from __future__ import annotations

from app.query.patterns import (
    LAST_CODE_POINT,
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Ranges,
    Repeat,
    Sequence,
    Text,
    complement,
    quantifier,
)

_FIRST_SURROGATE, _LAST_SURROGATE = 0xD800, 0xDFFF


def printed(pattern: Pattern) -> str | None:
    """The pattern; `None` if nothing can match it, for which Lucene has no sign."""
    match pattern:
        case Empty():
            return "()"
        case Text(text):
            return None if _has_surrogate(text) else literal(text)
        case AnyCodePoint():
            return "."
        case OneOf(ranges, negated):
            return _class(complement(ranges) if negated else ranges)
        case Sequence(parts):
            return _joined([printed(part) for part in parts])
        case Either(branches):
            possible = [one for branch in branches if (one := printed(branch)) is not None]
            return f"({'|'.join(possible)})" if possible else None
        case Repeat(part, least, most):
            return _repeated(printed(part), least, most)


def literal(text: str) -> str:
    """A pattern that matches exactly this text."""
    return "".join(map(_escaped, text))


def _has_surrogate(text: str) -> bool:
    return any(_FIRST_SURROGATE <= ord(character) <= _LAST_SURROGATE for character in text)


def _escaped(character: str) -> str:
    # A backslash before a letter would be a class of its own.
    return character if _is_plain(character) else f"\\{character}"


def _is_plain(character: str) -> bool:
    return not character.isascii() or character.isalnum() or character in " \t\n\r\0"


def _class(ranges: Ranges) -> str | None:
    if ranges == ((0, LAST_CODE_POINT),):
        return "."
    inside = "".join(_range(first, last) for first, last in _without_surrogates(ranges))
    return f"[{inside}]" if inside else None


def _range(first: int, last: int) -> str:
    """The code points from first to last. No end of a range is escaped: Elasticsearch 9 takes that for
    three characters."""
    before = after = ""
    while first <= last and not _is_plain(chr(first)):
        before += _escaped(chr(first))
        first += 1
    while first <= last and not _is_plain(chr(last)):
        after += _escaped(chr(last))
        last -= 1
    if first == last:
        before += chr(first)
    elif first < last:
        before += f"{chr(first)}-{chr(last)}"
    return before + after


def _without_surrogates(ranges: Ranges) -> Ranges:
    kept: list[tuple[int, int]] = []
    for first, last in ranges:
        if last < _FIRST_SURROGATE or first > _LAST_SURROGATE:
            kept.append((first, last))
            continue
        if first < _FIRST_SURROGATE:
            kept.append((first, _FIRST_SURROGATE - 1))
        if last > _LAST_SURROGATE:
            kept.append((_LAST_SURROGATE + 1, last))
    return tuple(kept)


def _joined(parts: list[str | None]) -> str | None:
    possible = [part for part in parts if part is not None]
    return "".join(possible) if len(possible) == len(parts) else None


def _repeated(part: str | None, least: int, most: int | None) -> str | None:
    if part is None or most == 0:
        return "()" if least == 0 else None
    return f"({part}){quantifier(least, most)}"
