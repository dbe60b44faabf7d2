"""The tokens of a message are ours, and an engine finds the same in the text that it indexes."""

from __future__ import annotations

import unicodedata

import pytest
import tantivy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.query import words

ENGINE = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    .filter(tantivy.Filter.lowercase())
    .build()
)
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
EDGES = st.sampled_from(
    ["a" * 254, "b" * 255, "C" * 256, "é" * 511, "İ" * 300, " ", "-", "x", "日"]
)


def texts(message: str) -> list[str]:
    return [token.text for token in words.tokens(message)]


def test_tokens_are_runs_of_letters_and_numbers_in_lower_case() -> None:
    assert words.tokens("GET /api/v1, now!") == [
        words.Token("get", 0, 3),
        words.Token("api", 5, 8),
        words.Token("v1", 9, 11),
        words.Token("now", 13, 16),
    ]


def test_offsets_count_code_points_of_the_text_as_sent() -> None:
    message = "😀 İstanbul, e\u0301té ½"
    assert [message[token.start : token.end] for token in words.tokens(message)] == [
        "İstanbul",
        "e",
        "té",
        "½",
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", []),
        ("... \t\n --", []),
        ("İ", ["i"]),
        ("ΣΊΣΥΦΟΣ", ["σίσυφοσ"]),
        ("straße STRASSE", ["straße", "strasse"]),
        ("a\u0301b", ["a", "b"]),
        ("snake_case kebab-case", ["snake", "case", "kebab", "case"]),
        ("Ⅷ ⅷ", ["ⅷ", "ⅷ"]),
        ("Ⓐ", []),
        ("日本語ログ", ["日本語ログ"]),
        ("a\x00b\x1fc", ["a", "b", "c"]),
        ("\ud800x", ["x"]),
    ],
)
def test_tokens_of(message: str, expected: list[str]) -> None:
    assert texts(message) == expected


def test_every_code_point_is_lowered_to_one_code_point() -> None:
    for code_point in range(0x110000):
        character = chr(code_point)
        folded = words.fold(character)
        assert len(folded) == 1
        if unicodedata.category(character)[0] not in "LN":
            assert folded == " "
        elif character != "İ":
            assert folded == character.lower()


@pytest.mark.parametrize("character", ["a", "é", "日"])
def test_a_run_longer_than_a_token_is_several(character: str) -> None:
    assert [len(text) for text in texts(character * 600)] == [255, 255, 90]
    assert [len(text) for text in texts(character * 255)] == [255]
    assert [len(text) for text in texts(character * 256)] == [255, 1]


@pytest.mark.parametrize(
    "message",
    ["", "GET /api/v1 HTTP/1.1", "line one\n\tline two", "a" * 255, "x " * 4_000, "A-" * 300],
)
def test_plain_ascii_goes_to_the_index_as_it_is(message: str) -> None:
    assert words.index_text(message) is message


@pytest.mark.parametrize("offset", range(18))
def test_a_long_ascii_run_is_cut_wherever_it_stands(offset: int) -> None:
    message = "-" * offset + "A" * 256 + " b"
    assert words.index_text(message) == "-" * offset + "A" * 255 + " A b"


def test_other_text_goes_to_the_index_folded() -> None:
    assert words.index_text("Café\u0301 — ΣΊΣ, İ") == "café    σίσ  i"
    assert words.index_text("bell\x07rings Twice") == "bell rings twice"


def test_the_engine_finds_our_tokens_for_every_code_point() -> None:
    # Above these planes nothing is a letter or a number (the test before looks).
    for start in range(0, 0x40000, 0x2000):
        characters = [chr(c) for c in range(start, start + 0x2000) if not 0xD800 <= c < 0xE000]
        message = "".join(f"x{c}y\n" for c in characters)
        assert ENGINE.analyze(words.index_text(message)) == texts(message)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(UNICODE, EDGES), max_size=6).map("".join))
@example("a" * 255 + "é" + "b" * 255)
@example("A" * 1_000)
def test_the_engine_finds_our_tokens(message: str) -> None:
    indexed = words.index_text(message)
    assert ENGINE.analyze(indexed) == texts(message)
    assert texts(indexed) == texts(message)
    assert words.token_texts(message) == tuple(texts(message))


@given(UNICODE)
def test_tokens_stand_where_they_say(message: str) -> None:
    end = -1
    for token in words.tokens(message):
        assert token.start > end
        assert words.fold(message[token.start : token.end]) == token.text
        end = token.end


def test_a_token_is_letters_and_numbers_only() -> None:
    assert words.is_token("abc9日")
    assert not words.is_token("a-b")
    assert not words.is_token("a b")
