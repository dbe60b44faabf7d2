"""What a value means for a field, by the field's kind: equality, patterns, existence."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass

from app.core.errors import Invalid
from app.query import fields, folding, regex
from app.query.complexity import (
    MAX_COMPARED_BYTES,
    MAX_QUERY_STATES,
    can_compare,
    most_states,
    states,
)
from app.query.errors import TOO_COMPLEX, Mistake
from app.query.fields import Field, Kind
from app.query.filters import Equals, Everything, Exists, Filter, Matches, Scalar, TimeWithin
from app.query.instants import EXPECTED, parse_instant
from app.query.levels import LEVEL_BY_WORD, LEVELS, level_of_number, level_of_word
from app.query.operands import NUMBER
from app.query.patterns import Pattern, of_glob
from app.query.spans import Span
from app.query.tree import Quoted, Regex, Wildcard, Word

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,308})", re.ASCII)

# Every record has these.
_ALWAYS_THERE = frozenset(
    {fields.TIMESTAMP, fields.OBSERVED_AT, fields.MESSAGE, fields.STREAM, fields.ID}
)
# Stored in lower case, so asked in lower case.
_LOWER_CASE = frozenset({fields.MESSAGE, fields.TRACE_ID, fields.SPAN_ID, fields.LEVEL})


class Budget:
    """What the patterns of one query may still cost together."""

    def __init__(self) -> None:
        self._states = MAX_QUERY_STATES

    def has_room_for(self, pattern: Pattern, field: Field) -> bool:
        """Takes the pattern's cost away, or says that the pattern is too complex."""
        cost = states(pattern)
        if cost is None or cost > most_states(field):
            return False
        self._states -= cost
        return self._states >= 0


@dataclass(frozen=True, slots=True)
class Request:
    """What all clauses of a query share: its one moment, and its budget."""

    now_ns: int
    budget: Budget


@dataclass(frozen=True, slots=True)
class Asked:
    """The field that a clause asks, the name as it was written, and the request."""

    field: Field
    written: str
    request: Request


def nothing(field: Field) -> Filter:
    """What no record matches."""
    return Equals(field, ())


def exists(field: Field, span: Span) -> Filter:
    """What `f:*` means."""
    refuse_too_long(field, "", span)
    return Everything() if field in _ALWAYS_THERE else Exists(field)


def refuse_too_long(field: Field, text: str, span: Span) -> None:
    """Raises for a name, or a bound, that no engine looks for."""
    if not can_compare(field, text):
        what = "the bound and the name have" if text else "the name has"
        raise Mistake(
            f"{what} more than {MAX_COMPARED_BYTES} bytes, too long to be compared",
            span,
            reason="too_long_to_compare",
            expected=("a shorter bound",) if text else ("a value of the field",),
        )


def equal(asked: Asked, value: Word | Quoted) -> Filter:
    """What `f:v` means for a value without wildcards."""
    field = asked.field
    match field.kind:
        case Kind.TIME:
            moment = instant(asked, value)
            return TimeWithin(field, moment, moment + 1)
        case Kind.LEVEL:
            return Equals(field, (level(asked, value),))
        case Kind.NUMBER:
            return Equals(field, tuple(v for v in _scalars(value) if type(v) in (int, float)))
        case Kind.KEYWORD:
            return Equals(field, (keyword(field, value),))
        case Kind.ATTRIBUTE | Kind.TEXT:
            return Equals(field, _scalars(value))


def matching(asked: Asked, value: Wildcard | Regex) -> Filter:
    """What `f:v` means for a pattern: it sees strings only."""
    field = asked.field
    if field.kind is Kind.TIME:
        raise Mistake(
            f'"{field.name}" is a time, which no pattern matches',
            value.span,
            reason="pattern_on_time",
            expected=EXPECTED,
            replacement="*",
        )
    pattern = pattern_of(field, value, asked.request.budget)
    return nothing(field) if field.kind is Kind.NUMBER else Matches(field, pattern)


def pattern_of(field: Field, value: Wildcard | Regex, budget: Budget) -> Pattern:
    """The pattern tree of a value; refused when its automaton would be too large."""
    pattern = of_glob(value.glob) if isinstance(value, Wildcard) else regex.parse(value.source)
    if field in _LOWER_CASE:
        pattern = folding.folded(pattern)
    if not budget.has_room_for(pattern, field):
        raise Mistake(
            "the pattern is too complex: its automaton would be too large",
            value.span,
            reason=TOO_COMPLEX,
            expected=("a simpler pattern",),
        )
    return pattern


def keyword(field: Field, value: Word | Quoted) -> str:
    """The string that a value is for a field of strings."""
    return value.text.lower() if field in _LOWER_CASE else value.text


def number(value: Word | Quoted) -> float | None:
    """The double that an unquoted number literal means; may be infinite."""
    if isinstance(value, Word) and NUMBER.fullmatch(value.text):
        return float(value.text) + 0.0  # -0.0 is 0.0
    return None


def instant(asked: Asked, value: Word | Quoted) -> int:
    """The nanoseconds since 1970 that a value means."""
    try:
        return parse_instant(value.text, asked.request.now_ns)
    except Invalid as error:
        raise Mistake(
            error.detail,
            value.span,
            reason=error.code,
            expected=EXPECTED,
            replacement=_likely_instant(value.text),
        ) from None


def level(asked: Asked, value: Word | Quoted) -> str:
    """The level that a word or number means, as at intake."""
    text = value.text
    found = level_of_word(text)
    if found is None and _INTEGER.fullmatch(text):
        numbered = level_of_number(int(text), is_otel=asked.written == "severity_number")
        found = numbered[0] if numbered else None
    if found is None:
        known = [word for word in LEVEL_BY_WORD if len(word) > 1]
        close = difflib.get_close_matches(text.lower()[:40], known, 1, 0.5)
        raise Mistake(
            f'"{text[:60]}" is not a level',
            value.span,
            reason="unknown_level",
            expected=LEVELS,
            replacement=close[0] if close else "error",
        )
    return found


def _scalars(value: Word | Quoted) -> tuple[Scalar, ...]:
    """Everything that equals a value: the string, and for literals the number or boolean."""
    text = value.text
    if isinstance(value, Quoted):
        return (text,)
    if text in ("true", "false"):
        return (text, text == "true")
    as_double = number(value)
    if as_double is None or math.isinf(as_double):
        return (text,)
    return (text, int(text) if _INTEGER.fullmatch(text) else as_double)


_SPELLED_UNIT = re.compile(r"(now.*?[+-]\d+)\s*([a-zA-Z]+)(.*)", re.DOTALL)
_UNITS = {"mo": "M", "mi": "m", "mon": "M"}


def _likely_instant(text: str) -> str:
    """A time that was perhaps meant: `now-15min` is `now-15m`, `15m` is `now-15m`."""
    spelled = _SPELLED_UNIT.fullmatch(text.lower())
    if spelled and spelled[2][0] in "smhdwy":
        unit = _UNITS.get(spelled[2][:2], spelled[2][0])
        return f"{spelled[1]}{unit}"
    if re.fullmatch(r"-?\d+[smhdwMy]", text):
        return f"now-{text.lstrip('-')}"
    return "now"
