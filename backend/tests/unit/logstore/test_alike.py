"""Attributes as columns: the leaves of each record, where records are alike."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from app.logstore.alike import FEWEST, alike
from app.logstore.schema import leaves_of
from tests.unit.logstore.alike_records import alike_attributes


@given(attributes=alike_attributes())
def test_columns_hold_the_leaves_of_their_records(attributes: list[dict[str, Any]]) -> None:
    for places, columns in alike(attributes):
        for row, place in enumerate(places):
            leaves = [(column.path, column.values[row]) for column in columns]
            assert repr((leaves, ())) == repr(leaves_of(attributes[place]))
            assert all(type(column.values[row]) is column.kind for column in columns)


def test_records_of_two_shapes_are_two_groups_and_the_odd_one_is_in_none() -> None:
    one, two = {"a": {"b": 1}, "c": "x"}, {"a": {"b": 1.5}, "c": None}
    attributes: list[dict[str, Any]] = [one, two] * FEWEST + [{"a": [1], "c": "x"}]

    groups = [(list(group.places), len(group.columns)) for group in alike(attributes)]

    assert groups == [(list(range(0, 16, 2)), 2), (list(range(1, 16, 2)), 1)]
