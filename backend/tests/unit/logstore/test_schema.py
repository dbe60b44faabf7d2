"""Leaves of attributes: what search sees of a record."""

from typing import Any

import pytest

from app.logstore.schema import MAX_DEPTH, MAX_LEAVES, leaves_of, retention_class
from app.logstore.types import RETENTION_CLASSES


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, []),
        ({"a": 1, "b": "x", "c": True, "d": 0.5}, [("a", 1), ("b", "x"), ("c", True), ("d", 0.5)]),
        ({"a": None, "b": [], "c": {}, "d": [None, {}]}, []),
        ({"a": {"b": 1}}, [("a.b", 1)]),
        ({"a.b": 1, "a": {"b": 2}}, [("a.b", 1), ("a.b", 2)]),
        ({"a": [1, "x", [2, {"b": 3}]]}, [("a", 1), ("a", "x"), ("a", 2), ("a.b", 3)]),
        ({"": {"": 1}}, [(".", 1)]),
        ({"a": "", "b": False}, [("a", ""), ("b", False)]),
    ],
)
def test_every_value_is_a_leaf_of_its_dotted_path(
    attributes: dict[str, Any], expected: list[tuple[str, Any]]
) -> None:
    assert leaves_of(attributes) == (expected, ())


def test_beyond_the_leaf_limit_the_first_are_indexed_and_the_cut_keys_named() -> None:
    flat = {f"k{i}": i for i in range(MAX_LEAVES + 2)}

    leaves, not_indexed = leaves_of(flat)

    assert leaves == [(f"k{i}", i) for i in range(MAX_LEAVES)]
    assert not_indexed == (f"k{MAX_LEAVES}", f"k{MAX_LEAVES + 1}")


def test_a_list_that_passes_the_limit_is_named_once_and_keeps_its_first_elements() -> None:
    leaves, not_indexed = leaves_of({"first": "x", "long": list(range(5000))})

    assert len(leaves) == MAX_LEAVES
    assert leaves[-1] == ("long", MAX_LEAVES - 2)
    assert not_indexed == ("long",)


def test_what_lies_too_deep_is_one_leaf_with_its_json_text() -> None:
    deep: Any = {"end": 1}
    for _ in range(MAX_DEPTH):
        deep = {"n": deep}

    leaves, not_indexed = leaves_of({"top": deep, "other": 2})

    path = "top" + ".n" * (MAX_DEPTH - 1)
    assert leaves == [(path, '{"n":{"end":1}}'), ("other", 2)]
    assert not_indexed == ("top",)


def test_exactly_the_limit_of_levels_is_indexed_whole() -> None:
    value: Any = 7
    for _ in range(MAX_DEPTH - 1):
        value = {"n": value}

    leaves, not_indexed = leaves_of({"top": value})

    assert leaves == [("top" + ".n" * (MAX_DEPTH - 1), 7)]
    assert not_indexed == ()


def test_retention_is_rounded_up_to_a_class() -> None:
    asked = (1, 3, 4, 30, 31, 365, 4000)

    assert [retention_class(days, RETENTION_CLASSES) for days in asked] == [
        3, 3, 7, 30, 90, 365, 365,
    ]  # fmt: skip
