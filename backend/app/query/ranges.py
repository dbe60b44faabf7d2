"""What comparisons and ranges mean: numbers as doubles, text by code point, levels and times."""

from __future__ import annotations

import math

from app.query.errors import Mistake
from app.query.fields import Kind
from app.query.filters import Equals, Filter, NumberRange, StringRange, TimeWithin
from app.query.instants import MAX_NS
from app.query.levels import LEVELS
from app.query.spans import Span
from app.query.tree import Anything, Bound, Compare, Operator, Quoted, Range, Word
from app.query.values import (
    Asked,
    exists,
    instant,
    keyword,
    level,
    nothing,
    number,
    refuse_too_long,
)

_MAX_DOUBLE = 1.7976931348623157e308


def compared(asked: Asked, node: Compare, value: Word | Quoted) -> Filter:
    """What `f > v` and its like mean (not `!=`)."""
    operator = node.operator
    is_upper = operator in (Operator.LESS, Operator.LESS_OR_EQUAL)
    is_included = operator in (Operator.LESS_OR_EQUAL, Operator.GREATER_OR_EQUAL)
    return within(
        asked,
        Range(
            node.name,
            Anything() if is_upper else value,
            value if is_upper else Anything(),
            includes_lower=is_included,
            includes_upper=is_included,
            span=node.span,
        ),
    )


def within(asked: Asked, node: Range) -> Filter:
    """What `f:[a TO b]` means; with both bounds open it is `f:*`."""
    field = asked.field
    lower, upper = _closed(node.lower), _closed(node.upper)
    if field.kind is Kind.TEXT:
        raise Mistake(
            f'"{asked.written}" has words, which have no order',
            node.span,
            reason="range_on_text",
            expected=("a field of numbers, short texts or times",),
            replacement=_as_word(asked, lower or upper),
        )
    if lower is None and upper is None:
        return exists(field, node.span)
    match field.kind:
        case Kind.TIME:
            return _times(asked, node, lower, upper)
        case Kind.LEVEL:
            return _levels(asked, node, lower, upper)
        case _:
            return _values(asked, node, lower, upper)


def _closed(bound: Bound) -> Word | Quoted | None:
    return None if isinstance(bound, Anything) else bound


def _as_word(asked: Asked, bound: Word | Quoted | None) -> str:
    # `Word` and `Quoted` text are both safe between quotes once these two are escaped.
    text = bound.text.replace("\\", "\\\\").replace('"', '\\"') if bound else ""
    return f'{asked.written}:"{text}"' if text else "*"


def _times(
    asked: Asked, node: Range, lower: Word | Quoted | None, upper: Word | Quoted | None
) -> Filter:
    from_ns = to_ns = None
    if lower is not None:
        from_ns = instant(asked, lower) + (not node.includes_lower)
    if upper is not None:
        to_ns = instant(asked, upper) + node.includes_upper
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        return nothing(asked.field)
    return TimeWithin(
        asked.field,
        None if from_ns is None else min(from_ns, MAX_NS),
        None if to_ns is None else min(to_ns, MAX_NS),
    )


def _levels(
    asked: Asked, node: Range, lower: Word | Quoted | None, upper: Word | Quoted | None
) -> Filter:
    start, end = 0, len(LEVELS)
    if lower is not None:
        start = LEVELS.index(level(asked, lower)) + (not node.includes_lower)
    if upper is not None:
        end = LEVELS.index(level(asked, upper)) + node.includes_upper
    return Equals(asked.field, LEVELS[start:end])


def _values(
    asked: Asked, node: Range, lower: Word | Quoted | None, upper: Word | Quoted | None
) -> Filter:
    least = number(lower) if lower else None
    most = number(upper) if upper else None
    if least is None and most is None:
        return _strings(asked, node, lower, upper)
    if (lower is not None and least is None) or (upper is not None and most is None):
        raise _mixed(lower, upper, least)
    if asked.field.kind is Kind.KEYWORD:
        return nothing(asked.field)
    refuse_too_long(asked.field, "", node.span)
    return _numbers(asked, node, least, most)


def _mixed(
    lower: Word | Quoted | None, upper: Word | Quoted | None, least: float | None
) -> Mistake:
    numeric = lower if least is not None else upper
    span = numeric.span if numeric else Span(0, 0)
    return Mistake(
        "the bounds are a number and a text",
        span,
        reason="mixed_bounds",
        expected=("two numbers", "two texts"),
        replacement=f'"{numeric.text}"' if numeric else None,
    )


def _numbers(asked: Asked, node: Range, least: float | None, most: float | None) -> Filter:
    includes_lower, includes_upper = node.includes_lower, node.includes_upper
    # Literals beyond the doubles are beyond every number, so the nearest double is in or out.
    if least is not None and math.isinf(least):
        if least > 0:
            return nothing(asked.field)
        least, includes_lower = -_MAX_DOUBLE, True
    if most is not None and math.isinf(most):
        if most < 0:
            return nothing(asked.field)
        most, includes_upper = _MAX_DOUBLE, True
    if least is not None and most is not None:
        is_point = least == most and includes_lower and includes_upper
        if least >= most and not is_point:
            return nothing(asked.field)
    return NumberRange(asked.field, least, most, includes_lower, includes_upper)


def _strings(
    asked: Asked, node: Range, lower: Word | Quoted | None, upper: Word | Quoted | None
) -> Filter:
    if asked.field.kind is Kind.NUMBER:
        return nothing(asked.field)
    for bound in (lower, upper):
        if bound is not None:
            refuse_too_long(asked.field, keyword(asked.field, bound), bound.span)
    least = keyword(asked.field, lower) if lower else None
    most = keyword(asked.field, upper) if upper else None
    if least is not None and most is not None:
        is_point = least == most and node.includes_lower and node.includes_upper
        if least >= most and not is_point:
            return nothing(asked.field)
    return StringRange(asked.field, least, most, node.includes_lower, node.includes_upper)
