"""What equals what: values of every type, exact integers, strings of every kind."""

from __future__ import annotations

import pytest

from app.query.fields import field_named
from app.query.filters import (
    Equals,
    Matches,
    Not,
    Scalar,
    StringRange,
)
from app.query.patterns import (
    Text,
)
from tests.conformance.stores import Store

F = field_named("f")
BIG = 2**53


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("500", ["text"]),
        (500, ["float", "int", "listed"]),
        (500.0, ["float", "int", "listed"]),
        (True, ["yes"]),
        ("true", ["word"]),
        (1, ["one"]),
        (0, ["minus", "zero"]),
        (-0.0, ["minus", "zero"]),
        ("", ["empty"]),
        (False, []),
        ("50", []),
        (1e308, ["huge"]),
        (5e-324, ["tiny"]),
    ],
)
def test_a_value_equals_only_its_own_kind(store: Store, asked: Scalar, expected: list[str]) -> None:
    store.add_values(
        text="500",
        int=500,
        float=500.0,
        listed=["x", [500]],
        yes=True,
        word="true",
        one=1,
        zero=0,
        minus=-0.0,
        empty="",
        huge=1e308,
        tiny=5e-324,
        none=None,
    )
    assert store.ids(Equals(F, (asked,))) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (BIG + 1, ["after"]),
        (BIG + 2, ["after2"]),
        (-BIG - 1, ["minus"]),
        (BIG, ["after", "at", "at_double"]),
        (float(BIG), ["after", "at", "at_double"]),
        (2**63, ["top", "top_double"]),
        (2**63 - 1, ["below_top"]),
        (float(2**63), ["below_top", "top", "top_double"]),
        (2**64 - 1, ["unsigned"]),
        (-(2**63), ["bottom"]),
        (-(2**63) - 1, []),
        (10**400, []),
        (int(1e308), ["huge"]),
        (int(1e308) + 1, []),
    ],
)
def test_integers_beyond_doubles_are_exact_when_asked_for_as_integers(
    store: Store, asked: float, expected: list[str]
) -> None:
    store.add_values(
        at=BIG,
        at_double=float(BIG),
        after=BIG + 1,
        after2=BIG + 2,
        minus=-BIG - 1,
        top=2**63,
        top_double=float(2**63),
        below_top=2**63 - 1,
        unsigned=2**64 - 1,
        bottom=-(2**63),
        huge=1e308,
        text=str(BIG + 1),
    )
    assert store.ids(Equals(F, (asked,))) == expected


def test_any_value_may_equal_any_of_those_asked_for(store: Store) -> None:
    store.add_values(a=["x", 1], b=["y"], c=[True], d=[])
    assert store.ids(Equals(F, ("y", 1))) == ["a", "b"]
    assert store.ids(Equals(F, ("y", 1, "y", True))) == ["a", "b", "c"]
    assert store.ids(Equals(F, ())) == []
    assert store.ids(Not(Equals(F, ()))) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        " a",
        "A",
        "a*",
        "2026-11-20T10:00:00Z",
        "2026-11-20",
        "1e308",
        "null",
        "=x",
        "a\x00b",
        "\n",
        "ﬀ",
        "e\u0301",
        "🦊",
        '"',
        "\\",
        "x" * 300,
        "\ufeff",
    ],
)
def test_strings_of_any_kind_are_equal_to_themselves_alone(store: Store, text: str) -> None:
    store.add_values(it=text, longer=f"{text}x", before=f"x{text}", other="a")
    assert store.ids(Equals(F, (text,))) == ["it"]
    assert store.ids(Matches(F, Text(text))) == ["it"]
    assert store.ids(StringRange(F, text, text, includes_lower=True, includes_upper=True)) == ["it"]
