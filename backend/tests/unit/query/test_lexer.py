"""What a character means depends on where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.query.errors import QuerySyntaxError
from app.query.lexer import lex
from app.query.parser import parse
from app.query.tokens import Kind
from app.query.tree import And, Node, Not, Or
from tests.cases.loader import Case, load_cases


def kinds(text: str) -> str:
    return " ".join(token.kind.name for token in lex(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "END"),
        ("a", "WORD END"),
        ("web-01", "WORD END"),
        ("-a", "NEGATE WORD END"),
        ("!a", "NEGATE WORD END"),
        ("--a", "NEGATE NEGATE WORD END"),
        ("- a", "WORD WORD END"),
        ("-", "WORD END"),
        ("-)", "WORD CLOSE END"),
        ("a-", "WORD END"),
        ('-"a"', "NEGATE QUOTED END"),
        ("-(a)", "NEGATE OPEN WORD CLOSE END"),
        ("-`a`:1", "NEGATE NAME COLON WORD END"),
        ("n:-5", "WORD COLON WORD END"),
        ("n:!x", "WORD COLON WORD END"),
        ("n:(-5)", "WORD COLON OPEN WORD CLOSE END"),
        ("n:(-5x)", "WORD COLON OPEN NEGATE WORD CLOSE END"),
        ("n:(!5)", "WORD COLON OPEN NEGATE WORD CLOSE END"),
        ("n:((-5) OR -x)", "WORD COLON OPEN OPEN WORD CLOSE OR NEGATE WORD CLOSE END"),
        ("n:(a) -5", "WORD COLON OPEN WORD CLOSE NEGATE WORD END"),
        ("a>=5", "WORD COMPARE WORD END"),
        ("a:>=5", "WORD COLON COMPARE WORD END"),
        ("a!=b", "WORD COMPARE WORD END"),
        ("a!b", "WORD END"),
        ("a=b", "WORD END"),
        ("a:b:c", "WORD COLON WORD END"),
        ("a:b>c", "WORD COLON WORD END"),
        ("a:::1", "WORD COLON WORD END"),
        ("a:(b:c OR ::1)", "WORD COLON OPEN WORD OR WORD CLOSE END"),
        ("a:(>1 AND !=5)", "WORD COLON OPEN COMPARE WORD AND COMPARE WORD CLOSE END"),
        ("AND", "AND END"),
        ("ANDy and", "WORD WORD END"),
        (r"\AND", "WORD END"),
        ("a:[1 TO 2}", "WORD COLON RANGE_OPEN WORD TO WORD RANGE_CLOSE END"),
        ("a:[-1 TO /x/]", "WORD COLON RANGE_OPEN WORD TO WORD RANGE_CLOSE END"),
        ("a:[x:y TO <z]", "WORD COLON RANGE_OPEN WORD TO WORD RANGE_CLOSE END"),
        ("a:[1 TO 2] -b", "WORD COLON RANGE_OPEN WORD TO WORD RANGE_CLOSE NEGATE WORD END"),
        ("a:[1 TO) -b", "WORD COLON RANGE_OPEN WORD TO CLOSE NEGATE WORD END"),
        (r"a\ b\:c", "WORD END"),
        ("a | b : (", "WORD PIPE END"),
    ],
)
def test_tokens_of_a_text(text: str, expected: str) -> None:
    assert kinds(text) == expected


def test_a_pipe_between_quotes_is_text() -> None:
    assert kinds('"a | b" | c') == "QUOTED PIPE END"


@pytest.mark.parametrize(
    "value",
    ["/a/", "/a.*b/", "//", r"/a\/b/", r"/a\ b/", r"/\\/", "/[a-z]+/", "/a|b/", '/"/', "/(/"],
)
@pytest.mark.parametrize("frame", ["{}", "f:{}", "f:({})", "f:({} OR x)", "-{}", "({})", "f != {}"])
def test_slashes_around_open_an_expression(value: str, frame: str) -> None:
    assert [token.text for token in lex(frame.format(value)) if token.kind is Kind.REGEX] == [value]


@pytest.mark.parametrize(
    "value",
    ["/", "/a", "/a/b", "/api/*", "/api/v1", "/var/log", "/a/b/", "/a/,", r"/a\/", "a/b/", "/a/x"],
)
@pytest.mark.parametrize("frame", ["{}", "f:{}", "f:({})", "-{}", "f != {}"])
def test_other_slashes_are_plain(value: str, frame: str) -> None:
    tokens = lex(frame.format(value))
    assert Kind.REGEX not in {token.kind for token in tokens}
    assert value in {token.text for token in tokens}


def test_an_expression_ends_before_white_space() -> None:
    assert kinds("f:/a b/") == "WORD COLON WORD WORD END"
    assert kinds("/a/ /b/") == "REGEX REGEX END"


@given(st.text(st.sampled_from('ab-!=<>:()[]{}"`|/\\*? \n'), max_size=20))
def test_tokens_stand_where_they_say(text: str) -> None:
    try:
        tokens = lex(text)
    except QuerySyntaxError:
        return
    end = 0
    for token in tokens:
        assert text[token.start : token.end] == token.text
        assert token.kind is Kind.END or text[end : token.start].strip() == ""
        end = token.end


def leaves_of(node: Node) -> list[Node]:
    if isinstance(node, Not):
        return leaves_of(node.child)
    if isinstance(node, And | Or):
        return [leaf for child in node.children for leaf in leaves_of(child)]
    return [node]


PLAIN = [case for case in load_cases() if case.mistake is None and ":(" not in case.ask]


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.place)
def test_a_clause_stands_where_its_span_says(case: Case) -> None:
    for leaf in leaves_of(parse(case.ask).filter):
        assert parse(case.ask[leaf.span.start : leaf.span.end]).filter == leaf
