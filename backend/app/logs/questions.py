"""From what was sent to what is asked: query parsed and resolved, times made absolute."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import FieldError, Invalid
from app.logstore.types import TimeRange
from app.query.fields import TIMESTAMP
from app.query.filters import And, Everything, Filter, TimeWithin
from app.query.instants import parse_instant
from app.query.parser import parse
from app.query.resolve import resolve

DEFAULT_FROM = "now-15m"
DEFAULT_TO = "now"
DEFAULT_TIMEOUT_MS = 10_000
MAX_TIMEOUT_MS = 60_000

Moment = str | int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What every question has, as it was sent: whole numbers are epoch milliseconds."""

    query: str = ""
    from_: Moment = None
    to: Moment = None
    stream: str | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class Question:
    """The same understood, at one instant that is `now` for all of it."""

    filter: Filter
    range: TimeRange
    stream: str | None
    timeout_ms: int


def understand(asked: Asked, *, now_ns: int) -> Question:
    """The question; `Invalid` points at what cannot be understood."""
    range_ = read_range(asked.from_, asked.to, now_ns=now_ns)
    return question_within(asked, range_, now_ns=now_ns)


def question_within(asked: Asked, range_: TimeRange, *, now_ns: int) -> Question:
    """The question in a range that is known already, narrowed by what the query says of time."""
    filter_, narrowed = narrow(resolve(parse(asked.query), now_ns=now_ns), range_)
    return Question(filter_, narrowed, asked.stream, asked.timeout_ms)


def read_range(from_: Moment, to: Moment, *, now_ns: int) -> TimeRange:
    """[`from_`, `to`), by default the last 15 minutes; `Invalid` unless it holds an instant."""
    range_ = TimeRange(
        _instant("from", DEFAULT_FROM if from_ is None else from_, now_ns),
        _instant("to", DEFAULT_TO if to is None else to, now_ns),
    )
    if range_.from_ns >= range_.to_ns:
        raise Invalid(
            "'from' has to be before 'to'",
            code="empty_range",
            errors=[FieldError("from", "empty_range", "this is not before 'to'")],
        )
    return range_


def _instant(name: str, moment: str | int, now_ns: int) -> int:
    try:
        return parse_instant(str(moment), now_ns)
    except Invalid as error:
        raise Invalid(
            f"{name}: {error.detail}",
            code=error.code,
            errors=[FieldError(name, error.code, error.detail)],
        ) from error


def narrow(filter_: Filter, range_: TimeRange) -> tuple[Filter, TimeRange]:
    """What is left of the filter once its own range of `@timestamp` has narrowed the range.

    Only what every match has to fulfil narrows: the filter itself or a part of its outermost AND.
    Where nothing is left of the range, both stay as they are, and nothing will be found.
    """
    parts = filter_.children if isinstance(filter_, And) else (filter_,)
    from_ns, to_ns = range_.from_ns, range_.to_ns
    kept: list[Filter] = []
    for part in parts:
        if isinstance(part, TimeWithin) and part.field == TIMESTAMP:
            from_ns = max(from_ns, from_ns if part.from_ns is None else part.from_ns)
            to_ns = min(to_ns, to_ns if part.to_ns is None else part.to_ns)
        else:
            kept.append(part)
    if len(kept) == len(parts) or from_ns >= to_ns:
        return filter_, range_
    return _all_of(kept), TimeRange(from_ns, to_ns)


def _all_of(parts: list[Filter]) -> Filter:
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))
