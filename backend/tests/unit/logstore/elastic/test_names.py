"""Names of indices and fields, and tokens of `rest`."""

from __future__ import annotations

import math
from itertools import pairwise
from uuid import UUID

import pytest

from app.core.ids import OrgId
from app.logstore.elastic.names import (
    as_double,
    field_names,
    fields_below,
    home_of_index,
    index_of,
    number_token,
    path_of_token,
    string_token,
    token_path,
)
from app.logstore.partitions import Home

ORG = OrgId(UUID("018f3c00-0000-7000-8000-0000000000aa"))
LARGEST_TERM = 32_766
# Elasticsearch refuses longer ones: "input automaton is too large: 1001".
LARGEST_PREFIX = 1_000


@pytest.mark.parametrize(
    "home",
    [
        Home(3, "pool0", "2026-11-20"),
        Home(30, "pool0", "2026-w47"),
        Home(365, str(ORG), "2026-11"),
    ],
)
def test_an_index_names_its_partition(home: Home) -> None:
    assert home_of_index("elkv", index_of("elkv", home)) == home
    assert home_of_index("other", index_of("elkv", home)) is None


@pytest.mark.parametrize("name", ["elkv-positions", "elkv-31d-pool0-2026-w47", "elkv-30d-pool0-x"])
def test_other_indices_are_no_partitions(name: str) -> None:
    assert home_of_index("elkv", name) is None


def test_paths_have_fields_of_their_own() -> None:
    paths = ["", "%", "a", "a.", "a..", "a.b", "a*", "a b", "a%2E", "é", "e", ".", "..", ".a", "\0"]
    names = [field_names(path) for path in paths]
    assert len(set(names)) == len(paths)
    assert all(name is not None and name[0].isascii() and "*" not in name[0] for name in names)


@pytest.mark.parametrize(
    ("path", "below"), [("a", "a.b"), ("a", "a."), ("a", "a..b"), ("", ".a"), ("a.", "a..")]
)
def test_the_fields_below_a_path_are_found_by_a_pattern(path: str, below: str) -> None:
    names = field_names(below)
    assert names is not None
    starts = [pattern.removesuffix("*") for pattern in fields_below(path)]
    assert all(any(name.startswith(start) for start in starts) for name in names)
    own = field_names(path)
    assert own is not None
    assert not any(own[0].startswith(start) for start in starts)


@pytest.mark.parametrize("path", ["a", "a\0b", "\x01", "\x01\x02", "a\x01h", "\x01k"])
def test_a_path_in_a_token_can_be_read_again(path: str) -> None:
    assert path_of_token(token_path(path)) == path
    assert "\0" not in token_path(path)


@pytest.mark.parametrize("length", [1, 2_000, 8_191, 8_192, 40_000])
@pytest.mark.parametrize("letter", ["a", "é", "🦊"])
def test_no_token_is_too_long_for_a_term(length: int, letter: str) -> None:
    token = string_token(token_path(letter * length), letter * length)
    assert len(token.encode()) <= LARGEST_TERM


@pytest.mark.parametrize("letter", ["a", "é", "🦊", "\0", "\x01"])
def test_long_paths_differ_and_keep_their_beginning(letter: str) -> None:
    first, second = token_path(letter * 901 + "b"), token_path(letter * 901 + "c")
    assert first != second
    assert first.startswith(token_path(letter * 200))
    assert path_of_token(first) is None


def test_what_is_above_a_long_path_is_found_by_the_beginning_of_its_token() -> None:
    for above in ("a", "é" * 449, "🦊" * 224, "a" * 899):
        assert token_path(f"{above}.{'b' * 900}").startswith(f"{token_path(above)}.")


@pytest.mark.parametrize("letter", ["a", "é", "🦊", "\0", "\x01"])
def test_a_path_and_a_number_are_short_enough_for_a_prefix_or_a_bound(letter: str) -> None:
    for length in (200, 900, 20_000):
        token = f"{token_path(letter * length)}\0n{number_token(1.5)}"
        assert len(token.encode()) <= LARGEST_PREFIX


def test_a_path_that_is_too_long_or_no_text_has_no_field() -> None:
    assert field_names("a" * 256) is not None
    assert field_names("a" * 257) is None
    assert field_names("\ud800") is None


def test_number_tokens_are_ordered_like_numbers() -> None:
    numbers = [-math.inf, -1e308, -2.5, -5e-324, 0.0, 5e-324, 1.0, 2.0**60, 1e308, math.inf]
    assert all(low < high for low, high in pairwise(map(number_token, numbers)))
    assert number_token(-0.0) == number_token(0.0)
    assert as_double(10**400) == math.inf
