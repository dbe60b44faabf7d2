"""What a filter means, said as plainly as possible: every store has to agree with this file."""

from __future__ import annotations

from app.logstore.memory.numbers import as_double, is_number, number_equals
from app.logstore.memory.regex import whole_value_test
from app.logstore.memory.subject import AnyRecord, Subject
from app.query.filters import (
    And,
    Equals,
    Everything,
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


def evaluate(filter_: Filter, record: AnyRecord) -> bool:
    """Whether the record matches."""
    return matches(filter_, Subject(record))


def matches(filter_: Filter, subject: Subject) -> bool:
    """Whether the record behind the subject matches."""
    match filter_:
        case Everything():
            return True
        case Not(child):
            return not matches(child, subject)
        case And(children):
            return all(matches(child, subject) for child in children)
        case Or(children):
            return any(matches(child, subject) for child in children)
        case Exists(field):
            return subject.has(field)
        case Tokens() | TokenMatches():
            return message_matches(filter_, subject.words)
        case Equals() | NumberRange() | StringRange() | TimeWithin() | Matches():
            return any(value_matches(filter_, value) for value in subject.values_of(filter_.field))


def message_matches(filter_: Tokens | TokenMatches, words: tuple[str, ...]) -> bool:
    """Whether the tokens of a message match."""
    match filter_:
        case Tokens(tokens):
            return has_phrase(words, tokens)
        case TokenMatches(pattern):
            return any(map(whole_value_test(pattern), words))


def value_matches(
    filter_: Equals | NumberRange | StringRange | TimeWithin | Matches, value: Scalar
) -> bool:
    """Whether one value of the filter's field matches."""
    match filter_:
        case Equals(_, values):
            return any(equal(value, asked) for asked in values)
        case NumberRange():
            return is_number(value) and in_number_range(value, filter_)
        case StringRange():
            return isinstance(value, str) and in_string_range(value, filter_)
        case TimeWithin(_, from_ns, to_ns):
            return is_number(value) and within(value, from_ns, to_ns)
        case Matches(_, pattern):
            return isinstance(value, str) and whole_value_test(pattern)(value)


def has_phrase(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether the words have the phrase's next to each other, in order."""
    return phrase[0] in words and any(
        words[place : place + len(phrase)] == phrase
        for place, word in enumerate(words)
        if word == phrase[0]
    )


def equal(stored: Scalar, asked: Scalar) -> bool:
    """Whether a stored value answers to one in a query: of the same kind, and the same."""
    if is_number(stored) and is_number(asked):
        return number_equals(stored, asked)
    return type(stored) is type(asked) and stored == asked


def in_number_range(number: float, bounds: NumberRange) -> bool:
    """Whether a number lies between the bounds, all of them as doubles."""
    double = as_double(number)
    lower, upper = bounds.lower, bounds.upper
    above = lower is None or double > lower or (bounds.includes_lower and double == lower)
    below = upper is None or double < upper or (bounds.includes_upper and double == upper)
    return above and below


def in_string_range(text: str, bounds: StringRange) -> bool:
    """Whether a text lies between the bounds, by code point (which is how Python compares)."""
    lower, upper = bounds.lower, bounds.upper
    above = lower is None or text > lower or (bounds.includes_lower and text == lower)
    below = upper is None or text < upper or (bounds.includes_upper and text == upper)
    return above and below


def within(instant: float, from_ns: int | None, to_ns: int | None) -> bool:
    """Whether an instant lies in [`from_ns`, `to_ns`)."""
    return (from_ns is None or instant >= from_ns) and (to_ns is None or instant < to_ns)
