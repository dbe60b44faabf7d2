from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.logstore.memory.regex import printed, whole_value_test
from app.query.patterns import (
    ANY_RUN,
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
)

DIGIT = OneOf(((48, 57),), negated=False)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (Empty(), [""], ["a", "\n"]),
        (Text("a.b*"), ["a.b*"], ["axb", "a.b", "a.b**"]),
        (Text("]-^\\[x/\n\0é🦊"), ["]-^\\[x/\n\0é🦊"], [""]),
        (AnyCodePoint(), ["a", "\n", "🦊", "\0", "é"], ["", "ab", "e\u0301"]),
        (ANY_RUN, ["", "a", "a\nb", "🦊"], []),
        (DIGIT, ["5"], ["a", "٣", "55"]),
        (OneOf(((48, 57),), negated=True), ["a", "\n", "🦊"], ["5", ""]),
        (OneOf((), negated=False), [], ["", "a", "\0", "\U0010ffff"]),
        (OneOf((), negated=True), ["a", "\n"], ["", "ab"]),
        (OneOf(((0, 0x10FFFF),), negated=True), [], ["", "a"]),
        (OneOf(((0xD7FF, 0xE000),), negated=False), ["\ud7ff", "\ue000"], ["a"]),
        (OneOf(((45, 45), (93, 94)), negated=False), ["-", "]", "^"], ["a", "\\"]),
        (Sequence((Text("a"), Text("b"))), ["ab"], ["a", "b", "ba"]),
        (Sequence((Either((Text("a"), Text("b"))), Text("c"))), ["ac", "bc"], ["a", "c", "ab"]),
        (Either((Empty(), Text("a"))), ["", "a"], ["aa"]),
        (Repeat(Text("ab"), 0, None), ["", "ab", "abab"], ["a", "aba"]),
        (Repeat(Text("ab"), 1, None), ["ab", "abab"], [""]),
        (Repeat(Text("ab"), 0, 1), ["", "ab"], ["abab"]),
        (Repeat(Text("ab"), 2, 3), ["abab", "ababab"], ["ab", "abababab"]),
        (Repeat(Text("ab"), 2, None), ["abab", "ab" * 9], ["ab"]),
        (Repeat(Text("ab"), 2, 2), ["abab"], ["ab", "ababab"]),
        (Repeat(Repeat(DIGIT, 1, 2), 2, 2), ["12", "123", "1234"], ["1", "12345"]),
        (Repeat(Empty(), 3, None), [""], ["a"]),
    ],
)
def test_a_pattern_matches_whole_values(pattern: Pattern, yes: list[str], no: list[str]) -> None:
    test = whole_value_test(pattern)
    assert [text for text in yes if not test(text)] == []
    assert [text for text in no if test(text)] == []


def test_case_counts() -> None:
    assert not whole_value_test(Text("a"))("A")


def test_a_pattern_is_compiled_once() -> None:
    assert whole_value_test(Text("once")) is whole_value_test(Text("once"))


def test_a_pattern_beyond_the_engine_is_refused_as_too_complex() -> None:
    thousands = Repeat(Repeat(DIGIT, 1000, 1000), 1000, 1000)
    with pytest.raises(Invalid) as refusal:
        whole_value_test(thousands)
    assert refusal.value.code == "regex_too_complex"


def test_a_printed_pattern_keeps_its_meaning_inside_others() -> None:
    assert printed(Sequence((Either((Text("a"), Text("b"))), Repeat(Text("cd"), 0, 1)))) == (
        "(?:a|b)(?:cd)?"
    )


def test_half_a_code_point_stops_no_search() -> None:
    assert not whole_value_test(Text("a"))("\ud800")
