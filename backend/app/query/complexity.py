"""How large the automaton of a pattern is: the one measure by which patterns are refused.

Engines turn a pattern into an automaton before they look at a single value, and each has a limit of
its own; ours lies below all of them. The measure is the number of states of the deterministic
automaton over UTF-8 bytes, repeats written out and nothing minimised, and two for each byte of an
attribute's name, which engines put before the value. It may be `MAX_STATES`. An ASCII letter is one
and `.` about nineteen, so `.{40}` is allowed and `.{50}` is not; `.*a.{5}` has too many because
after each `a` all the ways to go on have to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from app.query.fields import ID, Field
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
)

MAX_STATES = 900
# All patterns of a query together.
MAX_QUERY_STATES = 10_000
# What stored text is compared with is such an automaton too: a bound of a range, and before it, or
# alone where any value will do, the name of an attribute. Each of their bytes is a state.
MAX_COMPARED_BYTES = 900
# Ids may hold any bytes, and engines may keep the odd ones spelled out in several characters.
_MAX_ID_STATES = 350
# Bounds of the making itself; what passes them has too many states, or nearly.
_MAX_POSITIONS = 4_000
_MAX_STEPS = 40_000

_ALL: Ranges = ((0, LAST_CODE_POINT),)
# Code points of one, two, three and four bytes; halves of surrogate pairs have no bytes.
_BY_LENGTH = ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))


def most_states(field: Field) -> int:
    """How many states a pattern on this field may have."""
    if field == ID:
        return _MAX_ID_STATES
    return MAX_STATES - 2 * len(field.name.encode()) if field.is_attribute else MAX_STATES


def can_compare(field: Field, text: str = "") -> bool:
    """Whether engines can look for what comes before or after this text in the field."""
    size = len(text.encode())
    if field.is_attribute:
        # Engines write these two, which they need themselves, as two.
        size += len(field.name.encode()) + field.name.count("\0") + field.name.count("\x01")
    return size <= MAX_COMPARED_BYTES


@lru_cache(maxsize=1_024)
def states(pattern: Pattern) -> int | None:
    """The number of states of the automaton; `None` when they are more than `MAX_STATES`."""
    try:
        return _Automaton(pattern).count_states()
    except _TooLarge:
        return None


class _TooLarge(Exception):
    pass


class _Part(NamedTuple):
    """A part of the pattern. Sets of positions are the bits of integers."""

    is_nullable: bool
    first: int
    last: int


_NOTHING = _Part(is_nullable=True, first=0, last=0)


class _Automaton:
    """Positions are the bytes of the pattern, each with its range and what can follow it."""

    def __init__(self, pattern: Pattern) -> None:
        self._bytes: list[tuple[int, int]] = []
        self._follow: list[int] = []
        self._steps = 0
        self._start = self._part(pattern)

    def count_states(self) -> int:
        """Visits every set of positions that can come next after some text, and whether it may end.

        Sets that were reached in different ways are one state when the same can follow.
        """
        symbols = self._symbols()
        start = self._start.first, self._start.is_nullable
        seen = {start, (0, False)}
        known = {0}
        waiting = [self._start.first]
        while waiting:
            following = waiting.pop()
            for matched in {following & symbol for symbol in symbols} - known:
                known.add(matched)
                state = self._after(matched), bool(matched & self._start.last)
                if state not in seen:
                    seen.add(state)
                    waiting.append(state[0])
            if len(seen) > MAX_STATES:
                raise _TooLarge
        return len(seen)

    def _after(self, matched: int) -> int:
        following = 0
        for position in _bits(matched):
            following |= self._follow[position]
            self._step()
        return following

    def _part(self, pattern: Pattern) -> _Part:
        match pattern:
            case Empty():
                return _NOTHING
            case Text(text):
                return self._chain([(byte, byte) for byte in text.encode()])
            case AnyCodePoint():
                return self._one_of(_ALL)
            case OneOf(ranges, negated):
                return self._one_of(complement(ranges) if negated else ranges)
            case Sequence(parts):
                whole = _NOTHING
                for part in parts:
                    whole = self._then(whole, self._part(part))
                return whole
            case Either(branches):
                return _either([self._part(branch) for branch in branches])
            case Repeat(part, least, None):
                return self._looped(part, least)
            case Repeat(part, least, most):
                return self._counted(part, least, most or 0)

    def _chain(self, bytes_: list[tuple[int, int]]) -> _Part:
        """Positions one after another."""
        start = len(self._bytes)
        end = start + len(bytes_)
        if end > _MAX_POSITIONS:
            raise _TooLarge
        self._bytes += bytes_
        self._follow += [1 << position for position in range(start + 1, end)]
        self._follow.append(0)
        return _Part(is_nullable=False, first=1 << start, last=1 << (end - 1))

    def _one_of(self, ranges: Ranges) -> _Part:
        chains = [self._chain(list(chain)) for chain in utf8_chains(ranges)]
        return _either(chains) if chains else _Part(is_nullable=False, first=0, last=0)

    def _then(self, part: _Part, following: _Part) -> _Part:
        self._link(part.last, following.first)
        return _Part(
            is_nullable=part.is_nullable and following.is_nullable,
            first=part.first | following.first if part.is_nullable else part.first,
            last=part.last | following.last if following.is_nullable else following.last,
        )

    def _looped(self, part: Pattern, least: int) -> _Part:
        """The least number of copies, then one that loops, as engines write it out."""
        whole = _NOTHING
        for _ in range(least):
            whole = self._then(whole, self._part(part))
        loop = self._part(part)
        self._link(loop.last, loop.first)
        return self._then(whole, loop._replace(is_nullable=True))

    def _counted(self, part: Pattern, least: int, most: int) -> _Part:
        whole = _NOTHING
        for _ in range(least):
            whole = self._then(whole, self._part(part))
        rest = _NOTHING
        for _ in range(most - least):
            rest = self._then(self._part(part), rest)._replace(is_nullable=True)
        return self._then(whole, rest)

    def _link(self, last: int, first: int) -> None:
        if first:
            for position in _bits(last):
                self._follow[position] |= first
                self._step()

    def _symbols(self) -> list[int]:
        """For each kind of byte that the pattern tells apart, the positions that it matches."""
        changes: dict[int, int] = {}
        for position, (first, last) in enumerate(self._bytes):
            bit = 1 << position
            changes[first] = changes.get(first, 0) ^ bit
            changes[last + 1] = changes.get(last + 1, 0) ^ bit
        symbols: set[int] = set()
        current = 0
        for place in sorted(changes):
            current ^= changes[place]
            symbols.add(current)
        return list(symbols)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise _TooLarge


def _either(parts: list[_Part]) -> _Part:
    first = last = 0
    for part in parts:
        first |= part.first
        last |= part.last
    return _Part(any(part.is_nullable for part in parts), first, last)


def _bits(positions: int) -> Iterator[int]:
    while positions:
        lowest = positions & -positions
        yield lowest.bit_length() - 1
        positions ^= lowest


@lru_cache(maxsize=256)
def utf8_chains(ranges: Ranges) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The ranges of bytes, one after another, that encode the code points of the ranges."""
    chains: list[tuple[tuple[int, int], ...]] = []
    for first, last in ranges:
        for least, most in _BY_LENGTH:
            if first <= most and last >= least:
                _split(max(first, least), min(last, most), chains)
    return tuple(chains)


def _split(first: int, last: int, chains: list[tuple[tuple[int, int], ...]]) -> None:
    """Cuts a range of one length where a lower byte would not run through all its values."""
    for shift in (6, 12, 18):
        mask = (1 << shift) - 1
        if first & ~mask != last & ~mask and last > 0x7F:
            if first & mask:
                _split(first, first | mask, chains)
                _split((first | mask) + 1, last, chains)
                return
            if last & mask != mask:
                _split(first, (last & ~mask) - 1, chains)
                _split(last & ~mask, last, chains)
                return
    chains.append(tuple(zip(chr(first).encode(), chr(last).encode(), strict=True)))
