"""Every example of the page for analysts is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.query.faults import MAX_CLAUSES, MAX_DEPTH
from app.query.fields import BUILT_IN
from app.query.lexer import MAX_LENGTH
from app.query.parser import parse
from app.query.resolve import resolve
from app.query.validate import validate
from tests.cases.loader import NOW_NS

PAGE = (Path(__file__).parents[4] / "docs" / "query-language.md").read_text("utf-8")

_CODE = r"(?:`` (.+?) ``|`([^`]+)`)"
_ROW = re.compile(rf"^\| {_CODE} \| (.+) \|$", re.MULTILINE)
_SUGGESTION = re.compile(rf"^{_CODE}$")


def rows(section: str) -> list[tuple[str, str]]:
    """(query, right column) of a section's table."""
    body = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [(first or second, rest) for first, second, rest in _ROW.findall(body)]


ASKED = [
    ask
    for section in ("Words", "Fields", "Comparisons and ranges", "Patterns", "Joining")
    for ask, _ in rows(section)
]


@pytest.mark.parametrize("ask", ASKED)
def test_an_example_is_a_query(ask: str) -> None:
    resolve(parse(ask), now_ns=NOW_NS)


@pytest.mark.parametrize(("ask", "column"), rows("Mistakes"))
def test_a_mistake_has_the_suggestion_of_the_page(ask: str, column: str) -> None:
    error = validate(ask, now_ns=NOW_NS).error
    found = _SUGGESTION.match(column)
    assert found
    assert error
    assert error.suggestion == (found[1] or found[2])


def test_the_page_shows_an_error_as_it_is() -> None:
    error = validate("status:[500 TO", now_ns=NOW_NS).error
    assert error
    assert f"```\n{error.caret()}\n```" in PAGE


def test_the_page_names_all_built_in_fields_and_limits() -> None:
    for name in BUILT_IN:
        assert f"`{name}`" in PAGE
    assert f"at most {MAX_LENGTH:,} characters, {MAX_CLAUSES:,} clauses and {MAX_DEPTH}" in PAGE


def test_there_are_as_many_examples_as_rows() -> None:
    tables = [line for line in PAGE.splitlines() if line.startswith("| ") and "| ask |" not in line]
    assert len(ASKED) + len(rows("Mistakes")) == len([row for row in tables if row[:6] != "| ask "])
