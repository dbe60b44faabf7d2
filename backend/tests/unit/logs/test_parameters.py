"""Named values of a request: what is taken, what is refused, and that every mistake is named."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Invalid
from app.logs.parameters import MOST_UNKNOWN, Parameters


def mistakes(parameters: Parameters) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        parameters.check()
    return [(error.field, error.code) for error in refused.value.errors]


@pytest.mark.parametrize("value", [7, "7", "007"])
def test_a_whole_number_may_come_as_digits(value: Any) -> None:
    parameters = Parameters({"size": value})
    assert parameters.integer("size", default=1, least=1, most=10) == 7
    parameters.check()


@pytest.mark.parametrize("value", [None, ""])
def test_what_was_not_sent_is_the_default(value: Any) -> None:
    parameters = Parameters({"size": value, "sort": value, "from": value})
    assert parameters.integer("size", default=5, least=1, most=10) == 5
    assert parameters.choice("sort", ["a"], default="a") == "a"
    assert parameters.instant("from") is None
    assert parameters.text("q", most=5) == ""
    parameters.check()


@pytest.mark.parametrize("value", ["x", "1.5", 1.5, True, [], {}, "9" * 19, "٣"])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    parameters = Parameters({"size": value})
    assert parameters.integer("size", default=5, least=1, most=10) == 5
    assert mistakes(parameters) == [("size", "not_a_number")]


@pytest.mark.parametrize("value", [0, 11, "-1", 10**30])
def test_a_number_beyond_its_bounds_is_refused_with_them(value: Any) -> None:
    parameters = Parameters({"size": value})
    parameters.integer("size", default=5, least=1, most=10)
    with pytest.raises(Invalid, match="between 1 and 10"):
        parameters.check()


def test_every_mistake_is_reported_at_once() -> None:
    parameters = Parameters({"q": "x" * 6, "size": "x", "sort": "b", "from": 1.5, "groups": [1]})
    parameters.text("q", most=5)
    parameters.integer("size", default=1, least=1, most=2)
    parameters.choice("sort", ["a"], default="a")
    parameters.instant("from")
    parameters.objects("groups", most=3)
    assert mistakes(parameters) == [
        ("q", "too_long"),
        ("size", "not_a_number"),
        ("sort", "unknown_choice"),
        ("from", "not_a_time"),
        ("groups", "not_a_list"),
    ]


def test_digits_are_milliseconds_and_everything_else_stays_text() -> None:
    parameters = Parameters({"from": "1700000000000", "to": "now-1d", "at": 5})
    assert parameters.instant("from") == 1_700_000_000_000
    assert parameters.instant("to") == "now-1d"
    assert parameters.instant("at") == 5


def test_an_unknown_name_is_refused_with_the_one_meant() -> None:
    parameters = Parameters({"page_sise": 5}, path="inner.")
    parameters.integer("page_size", default=1, least=1, most=10)
    parameters.refuse_others()
    with pytest.raises(Invalid, match="did you mean 'page_size'"):
        parameters.check()
    assert mistakes(parameters) == [("inner.page_sise", "unknown_parameter")]


def test_of_very_many_unknown_names_the_first_are_told() -> None:
    parameters = Parameters({f"{number}{'x' * 1_000}": 1 for number in range(5_000)})
    parameters.refuse_others()
    assert len(mistakes(parameters)) == MOST_UNKNOWN
    assert all(len(name) <= 100 for name, _ in mistakes(parameters))


def test_too_many_objects_are_refused() -> None:
    parameters = Parameters({"metrics": [{}, {}]})
    assert parameters.objects("metrics", most=1) == []
    assert mistakes(parameters) == [("metrics", "too_many")]
