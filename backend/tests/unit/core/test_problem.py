"""Errors of ours as problems."""

from __future__ import annotations

import json

import pytest

from app.core.errors import (
    Broken,
    ElkError,
    FieldError,
    Full,
    Invalid,
    NotFound,
    OverLimit,
    Unauthenticated,
    Unavailable,
)
from app.core.problem import problem_of
from app.core.request_context import RequestContext, answering, current_request, request_id_from


def test_a_problem_says_what_is_wrong_and_where() -> None:
    error = Invalid(
        "the query cannot be read",
        code="query_syntax",
        errors=[FieldError("q", "expected_bound", "found the end", {"position": 14})],
    )
    problem = problem_of(error)
    assert json.loads(problem.encode("r-1")) == {
        "type": "urn:elk-vision:problem:query_syntax",
        "title": "Invalid request",
        "status": 400,
        "detail": "the query cannot be read",
        "code": "query_syntax",
        "request_id": "r-1",
        "errors": [
            {
                "field": "q",
                "code": "expected_bound",
                "detail": "found the end",
                "position": 14,
            }
        ],
    }


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (OverLimit("x", retry_after_seconds=7), "7"),
        (Unavailable("x"), "5"),
        (Full("x"), "5"),
    ],
)
def test_whoever_may_try_again_is_told_when(error: ElkError, seconds: str) -> None:
    assert problem_of(error).headers["Retry-After"] == seconds


def test_others_are_not_told_to_try_again() -> None:
    assert problem_of(NotFound("x")).headers == {}
    assert set(problem_of(Unauthenticated("x")).headers) == {"WWW-Authenticate"}


def test_of_our_own_bugs_nothing_is_told() -> None:
    problem = problem_of(Broken("the password is swordfish", code="odd"))
    assert (problem.status, problem.code) == (500, "internal_error")
    assert b"swordfish" not in problem.encode("")


def test_the_current_request_is_known_only_while_it_is_answered() -> None:
    with answering(RequestContext("outer")):
        with answering(RequestContext("inner", "192.0.2.1")):
            assert current_request() == RequestContext("inner", "192.0.2.1")
        assert current_request().request_id == "outer"
    assert current_request() == RequestContext()


def test_an_id_is_made_where_none_is_sent() -> None:
    assert request_id_from("trace-1") == "trace-1"
    assert request_id_from(None) != request_id_from(None)
