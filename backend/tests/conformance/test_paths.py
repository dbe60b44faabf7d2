"""Which fields exist, and what their names may be."""

from __future__ import annotations

from contextlib import suppress

import pytest

from app.core.errors import Unsupported
from app.query import fields
from app.query.complexity import can_compare
from app.query.fields import field_named
from app.query.filters import (
    Equals,
    Exists,
    Matches,
    Not,
    NumberRange,
)
from app.query.patterns import (
    ANY_RUN,
)
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_sent_record
from tests.conformance.stores import EVERYTHING, Store

F = field_named("f")


def test_attributes_exist_by_value_at_the_path_or_below(store: Store) -> None:
    store.add_values(
        text="x",
        empty="",
        no=False,
        zero=0,
        null=None,
        list=[],
        nulls=[None, [None, {}]],
        object={},
        below={"g": 1},
        deep=[{"g": {"h": [None, 1]}}],
        null_below={"g": None},
        empty_key={"": 1},
    )
    store.add(a_sent_record("prefix", attributes={"fg": 1, "f-x": 1, "F": 1}))
    store.add(a_sent_record("dotted", attributes={"f.g": 1}))
    there = ["below", "deep", "dotted", "empty", "empty_key", "no", "text", "zero"]
    assert store.ids(Exists(F)) == there
    missing = ["list", "null", "null_below", "nulls", "object", "prefix"]
    assert store.ids(Not(Exists(F))) == missing
    assert store.ids(Exists(field_named("f.g"))) == ["below", "deep", "dotted"]
    assert store.ids(Exists(field_named("f.g.h"))) == ["deep"]
    assert store.ids(Exists(field_named("f."))) == ["empty_key"]


def test_built_in_fields_exist_where_they_are_not_null(store: Store) -> None:
    store.add(
        a_sent_record("a", service="web", level="info", level_number=9, trace_id="ab"),
        a_sent_record("b", service="", attributes={"host": "x", "trace_id": "y"}),
    )
    assert store.ids(Exists(fields.SERVICE)) == ["a", "b"]
    assert store.ids(Exists(fields.LEVEL)) == store.ids(Exists(fields.TRACE_ID)) == ["a"]
    assert store.ids(Exists(fields.HOST)) == []
    always = (fields.TIMESTAMP, fields.OBSERVED_AT, fields.MESSAGE, fields.STREAM, fields.ID)
    for field in always:
        assert store.ids(Exists(field)) == ["a", "b"]
        assert store.ids(Not(Exists(field))) == []
    assert store.ids(Exists(field_named("attributes.host"))) == ["b"]


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a b", "a:b", "a=b", "a..b", ".a", "a.", ".", "..", "*", "ключ", "🦊"),
        *("a\x00b", "a\\b", "a\\.b", '"a"', "a\nb", "\x01", "`a`", "a/b", "~a", "a~b"),
        *("org_id", "rest", "id", "message", "_id", "attr", "true", "1"),
    ],
)
def test_a_path_of_any_name_is_found_exact_existing_and_missing(store: Store, name: str) -> None:
    field = fields.Field(name, fields.Kind.ATTRIBUTE)
    store.add(
        a_sent_record("text", attributes={name: "v"}),
        a_sent_record("number", attributes={name: 5}),
        a_sent_record("no", attributes={name: False}),
        a_sent_record("below", attributes={name: {"x": "v"}}),
        a_sent_record("else", attributes={f"x{name}": "v", f"{name}x": "v"}),
    )
    assert store.ids(Equals(field, ("v",))) == ["text"]
    assert store.ids(Equals(field, (5,))) == ["number"]
    assert store.ids(Equals(field, (False,))) == ["no"]
    assert store.ids(NumberRange(field, 4, 6, includes_lower=True, includes_upper=True)) == [
        "number"
    ]
    assert store.ids(Matches(field, ANY_RUN)) == ["text"]
    there = ["below", "no", "number", "text"]
    assert store.ids(Exists(field)) == there
    assert store.ids(Not(Exists(field))) == ["else"]
    below = fields.Field(f"{name}.x", fields.Kind.ATTRIBUTE)
    assert store.ids(Equals(below, ("v",))) == ["below"]


def test_nested_keys_and_keys_with_dots_are_one_path(store: Store) -> None:
    store.add(
        a_sent_record("nested", attributes={"a": {"b": {"c": "v"}}}),
        a_sent_record("dotted", attributes={"a.b.c": "v"}),
        a_sent_record("mixed", attributes={"a.b": {"c": ["v"]}}),
        a_sent_record("listed", attributes={"a": [{"b": [[{"c": "v"}]]}]}),
        a_sent_record("other", attributes={"a": {"b.c.d": "v"}, "a.b": "v"}),
    )
    assert store.ids(Equals(field_named("a.b.c"), ("v",))) == [
        "dotted",
        "listed",
        "mixed",
        "nested",
    ]
    assert store.ids(Equals(field_named("a.b"), ("v",))) == ["other"]


@pytest.mark.parametrize("length", [100, 890, 2_500, 9_000])
@pytest.mark.parametrize("letter", ["a", "é", "🦊", "\x01"])
def test_a_path_of_any_length_is_found(store: Store, letter: str, length: int) -> None:
    name = (letter * length).encode()[:length].decode("utf-8", "ignore")
    field = fields.Field(name, fields.Kind.ATTRIBUTE)
    store.add(
        a_sent_record("text", attributes={name: "v"}),
        a_sent_record("number", attributes={name: 5}),
        a_sent_record("no", attributes={name: False}),
        a_sent_record("else", attributes={f"{name}x": "v", name[:-1]: "v"}),
        a_sent_record("below", attributes={name[: length // 8]: {name: "v"}}),
    )
    assert store.ids(Equals(field, ("v",))) == ["text"]
    assert store.ids(Equals(field, (5,))) == ["number"]
    above = fields.Field(name[: length // 8], fields.Kind.ATTRIBUTE)
    if can_compare(above):
        assert store.ids(Exists(above)) == ["below"]
        assert store.ids(Not(Exists(above))) == ["else", "no", "number", "text"]
    if can_compare(field):
        # Refused by name where it has no column, else right.
        with suppress(Unsupported):
            values = store.reader.field_values(ALICE, field, EVERYTHING, ALWAYS)
            assert (len(values.values), values.missing) == (3, 2)
        assert store.ids(Exists(field)) == ["no", "number", "text"]
        numbers = NumberRange(field, 4, 6, includes_lower=True, includes_upper=True)
        assert store.ids(numbers) == ["number"]
