"""Every case: how a query is read and printed, and how a broken one is answered."""

from __future__ import annotations

import pytest

from app.query.errors import QuerySyntaxError
from app.query.outline import outline
from app.query.parser import parse
from app.query.printer import show
from app.query.resolve import resolve
from app.query.validate import validate
from tests.cases.loader import NOW_NS, Case, Mistake, load_cases

GOOD = [case for case in load_cases() if case.mistake is None]
BROKEN = [(case, case.mistake) for case in load_cases() if case.mistake is not None]


def label(case: object) -> str:
    return case.label if isinstance(case, Case) else ""


@pytest.mark.parametrize("case", GOOD, ids=label)
def test_a_query_is_read_and_printed_as_its_case_says(case: Case) -> None:
    query = parse(case.ask)
    assert outline(query) == case.tree
    assert show(query) == case.show
    again = parse(show(query))
    assert again == query
    assert show(again) == show(query)
    assert resolve(again, now_ns=NOW_NS) == resolve(query, now_ns=NOW_NS)


@pytest.mark.parametrize(("case", "mistake"), BROKEN, ids=label)
def test_a_broken_query_is_answered_as_its_case_says(case: Case, mistake: Mistake) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        resolve(parse(case.ask), now_ns=NOW_NS)
    error = caught.value
    assert error.reason == mistake.reason
    assert (error.position, error.length) == (mistake.position, mistake.length)
    assert error.expected == mistake.expected
    assert error.suggestion == mistake.suggestion
    assert 0 <= error.position <= error.position + error.length <= len(case.ask)
    if mistake.suggestion is None:
        assert mistake.reason == "regex_too_complex", "everything else has a suggestion"
    else:
        resolve(parse(mistake.suggestion), now_ns=NOW_NS)


@pytest.mark.parametrize(("case", "mistake"), BROKEN[::5], ids=label)
def test_the_answer_carries_the_place_for_clients(case: Case, mistake: Mistake) -> None:
    error = validate(case.ask, now_ns=NOW_NS).error
    assert error is not None
    (field_error,) = error.errors
    is_too_complex = mistake.reason == "regex_too_complex"
    assert error.status == 400
    assert error.code == ("regex_too_complex" if is_too_complex else "query_syntax")
    assert (field_error.field, field_error.code) == ("q", mistake.reason)
    assert field_error.extra == {
        "position": mistake.position,
        "length": mistake.length,
        "expected": list(mistake.expected),
        "suggestion": mistake.suggestion,
        "caret": error.caret(),
    }


def test_there_are_enough_cases() -> None:
    assert len(GOOD) >= 150
    assert len(BROKEN) >= 60


def test_no_two_cases_ask_the_same() -> None:
    asked = [case.ask for case in load_cases()]
    assert sorted(set(asked)) == sorted(asked)
