"""Filters about the very records of a run: random ones hardly ever find some of them and not all.

What a run was asked is counted in `asked`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from app.logstore.memory.numbers import as_double
from app.logstore.memory.subject import Subject
from app.logstore.types import RoutedRecord
from app.query import fields
from app.query.fields import Field, Kind
from app.query.filters import (
    And,
    Equals,
    Exists,
    Filter,
    Matches,
    Not,
    NumberRange,
    Or,
    Scalar,
    StringRange,
    TimeWithin,
    TokenMatches,
    Tokens,
)
from app.query.patterns import (
    ANY_RUN,
    LAST_CODE_POINT,
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Text,
)
from app.query.patterns import Sequence as InOrder

_KEYWORDS = [field for field in fields.BUILT_IN.values() if field.kind is Kind.KEYWORD]
_PIECE = 3
_BORDER = 2**53
T = TypeVar("T")
V = TypeVar("V", str, float)


@dataclass(frozen=True)
class Facts:
    """What the records hold, by what can be asked about it."""

    texts: Sequence[tuple[Field, str]]
    numbers: Sequence[tuple[Field, float]]
    booleans: Sequence[tuple[Field, bool]]
    words: Sequence[tuple[str, ...]]
    instants: Sequence[tuple[Field, int]]
    levels: Sequence[str]

    @classmethod
    def of(cls, records: Sequence[RoutedRecord]) -> Facts:
        leaves: list[tuple[Field, Scalar]] = []
        for record in records:
            subject = Subject(record)
            leaves += [(Field(path, Kind.ATTRIBUTE), value) for path, value in subject.leaves]
            built_in = (*_KEYWORDS, fields.LEVEL_NUMBER)
            leaves += [(field, one) for field in built_in for one in subject.values_of(field)]
        return cls(
            texts=[(field, value) for field, value in leaves if isinstance(value, str)],
            numbers=[
                (field, value)
                for field, value in leaves
                if isinstance(value, int | float) and not isinstance(value, bool)
            ],
            booleans=[(field, value) for field, value in leaves if isinstance(value, bool)],
            words=[words for record in records if (words := Subject(record).words)],
            instants=[
                *((fields.TIMESTAMP, record.timestamp_ns) for record in records),
                *((fields.OBSERVED_AT, record.observed_ns) for record in records),
            ],
            levels=[record.level for record in records if record.level is not None],
        )


def aimed_filters(chance: Random, facts: Facts, number: int) -> list[Filter]:
    """Filters about something that is there, some negated, some joined from several."""
    return [_filter(chance, facts) for _ in range(number)]


def _filter(chance: Random, facts: Facts) -> Filter:
    if chance.random() < 0.65:
        leaf = _leaf(chance, facts)
        return leaf if chance.random() < 0.75 else Not(leaf)
    leaves = tuple(_leaf(chance, facts) for _ in range(chance.randint(2, 3)))
    joined: list[Filter] = [And(leaves), Or(leaves), And((leaves[0], Not(leaves[1])))]
    return chance.choice(joined)


def _of_a_kind(
    chance: Random, facts: Sequence[tuple[Field, T]], kind_of: Callable[[T], str]
) -> tuple[Field, T]:
    """Each kind as often as the others, however rare: engines get the rare ones wrong."""
    kind = chance.choice(sorted({kind_of(value) for _, value in facts}))
    return chance.choice([fact for fact in facts if kind_of(fact[1]) == kind])


def _kind_of_text(text: str) -> str:
    if not text or "\0" in text:
        return "NUL" if text else "empty"
    if text.isascii():
        return "ASCII"
    return "BMP" if max(text) <= "\uffff" else "astral"


def _kind_of_number(number: float) -> str:
    if number == 0:
        return "minus zero" if math.copysign(1, number) < 0 else "zero"
    if abs(number) >= _BORDER - 1:
        return "big" if abs(number) > _BORDER + 1 else "border"
    return "fraction" if number != math.floor(number) else "integer"


def _next(number: float, *, up: bool) -> float:
    beside = math.nextafter(number, math.inf if up else -math.inf)
    return beside if math.isfinite(beside) else number


def _leaf(chance: Random, facts: Facts) -> Filter:
    made = [make for make in _LEAVES if (getattr(facts, make.__name__.partition("_about_")[2]))]
    return chance.choice(made)(chance, facts)


def _equals_about_texts(chance: Random, facts: Facts) -> Filter:
    field, value = _of_a_kind(chance, facts.texts, _kind_of_text)
    if chance.random() < 0.7:
        return Equals(field, (value,))
    return Equals(field, (value, *(chance.choice(facts.texts)[1] for _ in range(2))))


def _equals_about_numbers(chance: Random, facts: Facts) -> Filter:
    field, value = _of_a_kind(chance, facts.numbers, _kind_of_number)
    near: list[float] = [-value, as_double(value)]
    near += [value + 1, value - 1] if isinstance(value, int) else [math.nextafter(value, 0.0)]
    picked = chance.choice([value] * len(near) + near)
    if isinstance(picked, int) and not -(2**63) <= picked < 2**64:
        picked = value
    return Equals(field, (picked,))


def _equals_about_booleans(chance: Random, facts: Facts) -> Filter:
    field, value = chance.choice(facts.booleans)
    return Equals(field, (value,))


def _range_about_numbers(chance: Random, facts: Facts) -> Filter:
    field, value = _of_a_kind(chance, facts.numbers, _kind_of_number)
    double = as_double(value)
    if abs(double) >= _BORDER - 1 and chance.random() < 0.5:
        double = math.copysign(_BORDER, double)
    around = (_next(double, up=False), double, _next(double, up=True))
    lower, upper, takes_lower, takes_upper = _bounds(chance, around)
    return NumberRange(field, lower, upper, takes_lower, takes_upper)


def _range_about_texts(chance: Random, facts: Facts) -> Filter:
    field, value = _of_a_kind(chance, facts.texts, _kind_of_text)
    lower, upper, takes_lower, takes_upper = _bounds(chance, (value[:-1], value, f"{value}\0"))
    return StringRange(field, lower, upper, takes_lower, takes_upper)


def _bounds(chance: Random, around: tuple[V, V, V]) -> tuple[V | None, V | None, bool, bool]:
    """A range with the middle one in it or at its edge: what is just below, itself, just above."""
    below, value, above = around
    lower, upper, takes_lower, takes_upper = chance.choice(
        [
            (value, None, True, False),
            (below, None, False, False),
            (None, value, False, True),
            (None, above, False, False),
            (value, value, True, True),
            (below, above, False, False),
        ]
    )
    if chance.random() < 0.25:
        return lower, upper, not takes_lower, not takes_upper
    return lower, upper, takes_lower, takes_upper


def _exists_about_texts(chance: Random, facts: Facts) -> Filter:
    field, _ = chance.choice(facts.texts)
    if field.is_attribute and "." in field.name and chance.random() < 0.5:
        return Exists(Field(field.name.rpartition(".")[0], Kind.ATTRIBUTE))
    return Exists(field)


def _exists_about_numbers(chance: Random, facts: Facts) -> Filter:
    return Exists(chance.choice(facts.numbers)[0])


def _matches_about_texts(chance: Random, facts: Facts) -> Filter:
    field, value = _of_a_kind(chance, facts.texts, _kind_of_text)
    return Matches(field, pattern_of(chance, value))


def _tokens_about_words(chance: Random, facts: Facts) -> Filter:
    longer = [words for words in facts.words if len(words) > 1]
    if not longer or chance.random() < 0.5:
        return Tokens((chance.choice(chance.choice(facts.words)),))
    words = chance.choice(longer)
    start = chance.randrange(len(words) - 1)
    return Tokens(words[start : start + chance.choice([2, 3])])


def _pattern_about_words(chance: Random, facts: Facts) -> Filter:
    return TokenMatches(pattern_of(chance, chance.choice(chance.choice(facts.words))))


def _time_about_instants(chance: Random, facts: Facts) -> Filter:
    field, instant = chance.choice(facts.instants)
    until = chance.choice([instant, instant + 1, chance.choice(facts.instants)[1], None])
    return TimeWithin(field, chance.choice([instant, instant + 1, None]), until)


def _level_about_levels(chance: Random, facts: Facts) -> Filter:
    return Equals(fields.LEVEL, tuple({chance.choice(facts.levels) for _ in range(2)}))


_LEAVES: tuple[Callable[[Random, Facts], Filter], ...] = (
    _equals_about_texts,
    _equals_about_numbers,
    _equals_about_booleans,
    _range_about_numbers,
    _range_about_texts,
    _exists_about_texts,
    _exists_about_numbers,
    _matches_about_texts,
    _tokens_about_words,
    _pattern_about_words,
    _time_about_instants,
    _level_about_levels,
)


def pattern_of(chance: Random, text: str) -> Pattern:
    """A pattern that the text matches, and perhaps others of the run do too."""
    if not text:
        return chance.choice([Empty(), ANY_RUN])
    parts: list[Pattern] = []
    place = 0
    while place < len(text):
        piece = text[place : place + chance.randint(1, _PIECE)]
        place += len(piece)
        if len(parts) == _PIECE:
            parts.append(ANY_RUN)
            break
        parts.append(_part(chance, piece))
    return parts[0] if len(parts) == 1 else InOrder(tuple(parts))


def _part(chance: Random, piece: str) -> Pattern:
    point = ord(piece[0])
    many = len(piece)
    if many == 1:
        around = OneOf(((point, min(point + 2, LAST_CODE_POINT)),), negated=False)
        others = OneOf((_ranges_without(point),), negated=True)
        either = Either((Text(piece), Text("b")))
        return chance.choice([Text(piece), AnyCodePoint(), around, others, either, ANY_RUN])
    return chance.choice(
        [
            Text(piece),
            ANY_RUN,
            Either((Text(piece), Text("b"))),
            Repeat(AnyCodePoint(), many, many),
            Repeat(OneOf(_inside(piece), negated=False), 1, None),
            InOrder((Text(piece[0]), Repeat(AnyCodePoint(), 0, many))),
        ]
    )


def _ranges_without(point: int) -> tuple[int, int]:
    """A range that the code point is not in."""
    return (0, point - 1) if point > 0x60 else (point + 1, 0x100)


def _inside(piece: str) -> tuple[tuple[int, int], ...]:
    """The piece's code points, sorted, disjoint and not adjacent."""
    merged: list[tuple[int, int]] = []
    for point in sorted(set(map(ord, piece))):
        if merged and point <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], point)
        else:
            merged.append((point, point))
    return tuple(merged)
