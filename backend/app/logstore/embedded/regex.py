"""Patterns printed in the dialect of tantivy's automata, on text or on the hex form of ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.logstore.embedded.ids import MARK, PLAIN_RANGES, SPELLED
from app.query.patterns import (
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
    complement,
    quantifier,
)

ANY = "(?s:.)"
ANY_RUN = "(?s:.)*"
LAST_CODE_POINT = 0x10FFFF
_FIRST_SURROGATE, _LAST_SURROGATE = 0xD800, 0xDFFF

Ranges = tuple[tuple[int, int], ...]
# Prints one code point out of the ranges.
PrintClass = Callable[[Ranges], str]


def printed(pattern: Pattern) -> str | None:
    """The pattern for terms that are the text itself; `None` if nothing can match it."""
    return _printed(pattern, _text_class)


def printed_on_ids(pattern: Pattern) -> str | None:
    """The pattern for terms of ids (`ids.id_term`)."""
    text = _printed(pattern, _id_class)
    return None if text is None else MARK + text


def literal(text: str) -> str:
    """A pattern that matches exactly this text."""
    return "".join(map(_escaped, text))


def _printed(pattern: Pattern, one_of: PrintClass) -> str | None:
    """`None` for what matches nothing: the automata have no way to say so."""
    match pattern:
        case Empty():
            return "(?:)"
        case Text(text):
            return "".join(one_of(((ord(character), ord(character)),)) for character in text)
        case AnyCodePoint():
            return one_of(((0, LAST_CODE_POINT),))
        case OneOf(ranges, negated):
            members = complement(ranges) if negated else ranges
            return one_of(members) if any(_without_surrogates(members)) else None
        case Sequence(parts):
            return _joined([_printed(part, one_of) for part in parts])
        case Either(branches):
            found = [_printed(branch, one_of) for branch in branches]
            possible = [branch for branch in found if branch is not None]
            return f"(?:{'|'.join(possible)})" if possible else None
        case Repeat(part, least, most):
            return _repeated(_printed(part, one_of), least, most)


def _joined(parts: list[str | None]) -> str | None:
    possible = [part for part in parts if part is not None]
    return "".join(possible) if len(possible) == len(parts) else None


def _repeated(part: str | None, least: int, most: int | None) -> str | None:
    if part is None or most == 0:
        return "(?:)" if least == 0 else None
    return f"(?:{part}){quantifier(least, most)}"


def _without_surrogates(ranges: Ranges) -> Iterator[tuple[int, int]]:
    for first, last in ranges:
        if first < _FIRST_SURROGATE:
            yield first, min(last, _FIRST_SURROGATE - 1)
        if last > _LAST_SURROGATE:
            yield max(first, _LAST_SURROGATE + 1), last


def _escaped(character: str) -> str:
    is_plain = character.isascii() and character.isalnum()
    return character if is_plain else f"\\x{{{ord(character):X}}}"


def _text_class(ranges: Ranges) -> str:
    whole = tuple(_without_surrogates(ranges))
    if len(whole) == 1 and whole[0][0] == whole[0][1]:
        return _escaped(chr(whole[0][0]))
    if ranges == ((0, LAST_CODE_POINT),):
        return ANY
    return f"[{''.join(f'{_spelled(first)}-{_spelled(last)}' for first, last in whole)}]"


def _spelled(code_point: int) -> str:
    return f"\\x{{{code_point:X}}}"


def _id_class(ranges: Ranges) -> str:
    plain = tuple(_shared(ranges, PLAIN_RANGES))
    branches = [_text_class(plain)] if plain else []
    branches += [
        literal(spelled)
        for code_point, spelled in SPELLED.items()
        if any(first <= code_point <= last for first, last in ranges)
    ]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _shared(ranges: Ranges, others: Ranges) -> Iterator[tuple[int, int]]:
    for first, last in _without_surrogates(ranges):
        for other_first, other_last in others:
            low, high = max(first, other_first), min(last, other_last)
            if low <= high:
                yield low, high


def _digits(first: int, last: int) -> str:
    if first == last:
        return f"{first:x}"
    return f"[{''.join(f'{digit:x}' for digit in range(first, last + 1))}]"


def hex_between(first: int, last: int, digits: int = 16) -> str:
    """A pattern for the numbers from `first` to `last`, written with so many hex digits."""
    return _hex_between(f"{first:0{digits}x}", f"{last:0{digits}x}")


def _hex_between(first: str, last: str) -> str:
    if not first:
        return ""
    low, high = int(first[0], 16), int(last[0], 16)
    rest = len(first) - 1
    if low == high:
        return first[0] + _hex_between(first[1:], last[1:])
    branches = []
    if first[1:].strip("0"):
        branches.append(first[0] + _hex_between(first[1:], "f" * rest))
        low += 1
    is_cut_above = bool(last[1:].strip("f"))
    whole_last = high - 1 if is_cut_above else high
    if low <= whole_last:
        branches.append(_digits(low, whole_last) + (f"[0-9a-f]{{{rest}}}" if rest else ""))
    if is_cut_above:
        branches.append(last[0] + _hex_between("0" * rest, last[1:]))
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
