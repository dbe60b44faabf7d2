"""The same meaning as `evaluate`, compiled once into closures: for live tail and routing."""

from __future__ import annotations

from collections.abc import Callable

from app.logstore.memory.evaluate import has_phrase, value_matches
from app.logstore.memory.regex import whole_value_test
from app.logstore.memory.subject import AnyRecord, Subject
from app.query.fields import Field
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
from app.query.patterns import Pattern

SubjectTest = Callable[[Subject], bool]


def matcher(filter_: Filter) -> Callable[[AnyRecord], bool]:
    """A test of records, worth making when many are asked; may be used from several threads."""
    test = subject_test(filter_)
    return lambda record: test(Subject(record))


def subject_test(filter_: Filter) -> SubjectTest:
    """The same for subjects: many filters over one record then share its leaves and tokens."""
    match filter_:
        case Everything():
            return lambda _subject: True
        case Not(child):
            inner = subject_test(child)
            return lambda subject: not inner(subject)
        case And(children):
            return _all_of([subject_test(child) for child in children])
        case Or(children):
            return _any_of([subject_test(child) for child in children])
        case Exists(field):
            return lambda subject: subject.has(field)
        case Tokens(tokens):
            return _phrase_test(tokens)
        case TokenMatches(pattern):
            return _token_test(pattern)
        case Equals(field, values) if _are_strings(values):
            return _string_test(field, frozenset(values))
        case Equals() | NumberRange() | StringRange() | TimeWithin() | Matches():
            return _value_test(filter_)


def _all_of(tests: list[SubjectTest]) -> SubjectTest:
    def test(subject: Subject) -> bool:
        return all(one(subject) for one in tests)

    return test


def _any_of(tests: list[SubjectTest]) -> SubjectTest:
    def test(subject: Subject) -> bool:
        return any(one(subject) for one in tests)

    return test


def _phrase_test(phrase: tuple[str, ...]) -> SubjectTest:
    def test(subject: Subject) -> bool:
        return has_phrase(subject.words, phrase)

    return test


def _token_test(pattern: Pattern) -> SubjectTest:
    matches_whole = whole_value_test(pattern)

    def test(subject: Subject) -> bool:
        return any(map(matches_whole, subject.words))

    return test


def _are_strings(values: tuple[Scalar, ...]) -> bool:
    return all(isinstance(value, str) for value in values)


def _string_test(field: Field, values: frozenset[Scalar]) -> SubjectTest:
    # A number or a boolean never equals a string, so one look-up answers for every kind of value.
    def test(subject: Subject) -> bool:
        return not values.isdisjoint(subject.values_of(field))

    return test


def _value_test(filter_: Equals | NumberRange | StringRange | TimeWithin | Matches) -> SubjectTest:
    field = filter_.field

    def test(subject: Subject) -> bool:
        return any(value_matches(filter_, value) for value in subject.values_of(field))

    return test
