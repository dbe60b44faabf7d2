"""Errors point into the text."""

from __future__ import annotations

from app.query.errors import QuerySyntaxError
from app.query.spans import Span
from app.query.validate import validate


def error_of(text: str) -> QuerySyntaxError:
    error = validate(text, now_ns=0).error
    assert error is not None
    return error


def test_a_caret_stands_under_the_place() -> None:
    assert error_of("status:[500 TO").caret() == (
        "status:[500 TO\n              ^ expected an upper bound, found the end of the query"
    )
    assert error_of("service:x level:eror").caret() == (
        'service:x level:eror\n                ^^^^ "eror" is not a level'
    )


def test_a_caret_shows_only_what_is_around_the_place() -> None:
    text = "word " * 500 + "level:eror" + " word" * 500
    line, pointer = error_of(text).caret().split("\n")
    assert len(line) < 200
    assert line[pointer.index("^") :].startswith("eror")


def test_a_caret_shows_no_control_characters() -> None:
    line, _ = error_of("a\n\x1b[31m OR").caret().split("\n")
    assert line == "a  [31m OR"


def test_a_long_mistake_has_a_long_but_bounded_pointer() -> None:
    error = QuerySyntaxError("too long", text="x" * 9_000, span=Span(10, 9_000))
    line, pointer = error.caret().split("\n")
    assert pointer.count("^") == len(line) - 10
    assert len(line) <= 240


def test_what_is_wrong_reaches_clients_whole() -> None:
    error = error_of("level:eror")
    assert (error.status, error.code, error.detail) == (
        400,
        "query_syntax",
        '"eror" is not a level',
    )
    (field_error,) = error.errors
    assert (field_error.field, field_error.code) == ("q", "unknown_level")
    assert field_error.extra["suggestion"] == "level:error"


def test_a_pattern_that_is_too_large_has_a_code_of_its_own() -> None:
    error = error_of("f:/.*a.{9}/")
    assert error.code == "regex_too_complex"
    assert error.errors[0].code == "regex_too_complex"


def test_a_valid_query_is_answered_with_its_meaning() -> None:
    found = validate("level:error", now_ns=0)
    assert found.is_valid
    assert found.query is not None
    assert found.filter is not None
    assert not validate("level:", now_ns=0).is_valid
