"""No record is refused for its shape: long values, many leaves, deep nesting, odd numbers."""

from __future__ import annotations

from typing import Any

import pytest

from app.logstore.schema import MAX_DEPTH, MAX_LEAVES
from app.query import fields
from app.query.fields import Field, field_named
from app.query.filters import (
    Equals,
    Exists,
    Matches,
    Not,
    NumberRange,
    StringRange,
    TokenMatches,
    Tokens,
)
from app.query.patterns import ANY_RUN, Sequence, Text
from tests.conformance.cast import ALICE
from tests.conformance.records import a_sent_record
from tests.conformance.stores import Store

F = field_named("f")
LONGEST_TERM = 8_191


@pytest.mark.parametrize("field", [F, fields.SERVICE, fields.HOST, fields.TRACE_ID])
@pytest.mark.parametrize("length", [LONGEST_TERM, LONGEST_TERM + 1, 40_000, 70_000])
def test_a_value_of_any_length_is_found_exact_existing_missing_and_by_pattern(
    store: Store, field: Field, length: int
) -> None:
    def values(text: str) -> dict[str, Any]:
        return {"attributes": {"f": text}} if field.is_attribute else {field.name: text}

    long = "é" + "x" * (length - 1)
    store.add(
        a_sent_record("long", **values(long)),
        a_sent_record("other", **values(f"{long[:-1]}y")),
        a_sent_record("short", **values("é")),
        a_sent_record("none"),
    )
    assert store.ids(Equals(field, (long,))) == ["long"]
    assert store.ids(Equals(field, (long, "é"))) == ["long", "short"]
    assert store.ids(Exists(field)) == ["long", "other", "short"]
    assert store.ids(Not(Exists(field))) == ["none"]
    assert store.ids(Not(Equals(field, (long,)))) == ["none", "other", "short"]
    assert store.ids(Matches(field, Sequence((ANY_RUN, Text("y"))))) == ["other"]
    assert store.ids(Matches(field, Sequence((Text("é"), ANY_RUN)))) == ["long", "other", "short"]
    assert store.ids(StringRange(field, "é", None, includes_lower=False, includes_upper=True)) == [
        "long",
        "other",
    ]
    found = store.reader.get(ALICE, "long")
    assert found is not None
    assert (found.attributes.get("f") if field.is_attribute else getattr(found, field.name)) == long


def test_a_long_message_is_found_by_every_token(store: Store) -> None:
    message = " ".join(f"w{number}" for number in range(30_000))
    store.add(a_sent_record("long", message), a_sent_record("short", "w1 w3"))
    assert store.ids(Tokens(("w29999",))) == ["long"]
    assert store.ids(Tokens(("w1", "w2", "w3"))) == ["long"]
    assert store.ids(TokenMatches(Sequence((Text("w2999"), ANY_RUN)))) == ["long"]
    (record,) = store.search(Tokens(("w15000",))).records
    assert record.message == message


def test_a_long_token_is_cut_into_tokens_next_to_each_other(store: Store) -> None:
    store.add(
        a_sent_record("600", "a" * 600),
        a_sent_record("255", "A" * 255),
        a_sent_record("é600", "é" * 600),
    )
    assert store.ids(Tokens(("a" * 255,))) == ["255", "600"]
    assert store.ids(Tokens(("a" * 255, "a" * 255, "a" * 90))) == ["600"]
    assert store.ids(Tokens(("a" * 90,))) == ["600"]
    assert store.ids(Tokens(("é" * 255, "é" * 255, "é" * 90))) == ["é600"]


def test_leaves_beyond_the_limit_are_kept_and_said_not_to_be_indexed(store: Store) -> None:
    attributes: dict[str, Any] = {f"k{number}": number for number in range(MAX_LEAVES)}
    at_limit = a_sent_record("at", attributes=dict(attributes))
    attributes |= {"beyond": "v", "also": {"deep": 1}}
    above = a_sent_record("above", attributes=attributes)
    store.add(at_limit, above)
    assert store.ids(Exists(field_named(f"k{MAX_LEAVES - 1}"))) == ["above", "at"]
    assert store.ids(Equals(field_named("k700"), (700,))) == ["above", "at"]
    assert store.ids(Exists(field_named("beyond"))) == []
    assert store.ids(Equals(field_named("also.deep"), (1,))) == []
    found = store.reader.get(ALICE, "above")
    assert found is not None
    assert found.attributes == attributes
    assert found.not_indexed == ("beyond", "also")
    whole = store.reader.get(ALICE, "at")
    assert whole is not None
    assert whole.not_indexed == ()


def test_a_list_beyond_the_limit_is_seen_as_far_as_it_goes(store: Store) -> None:
    store.add(a_sent_record("a", attributes={"f": list(range(MAX_LEAVES + 500)), "g": 1}))
    assert store.ids(Equals(F, (MAX_LEAVES - 1,))) == ["a"]
    assert store.ids(Equals(F, (MAX_LEAVES,))) == []
    assert store.ids(Exists(field_named("g"))) == []
    (record,) = store.search().records
    assert record.not_indexed == ("f", "g")
    assert len(record.attributes["f"]) == MAX_LEAVES + 500


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1, 100])
def test_what_lies_too_deep_is_its_json_text(store: Store, levels: int) -> None:
    value: Any = "v"
    for _ in range(levels):
        value = {"a": value}
    store.add(a_sent_record("deep", attributes=value), a_sent_record("flat"))
    (record,) = store.search(Exists(field_named("a"))).records
    assert record.attributes == value
    path = ".".join(["a"] * min(levels, MAX_DEPTH))
    text = "v"
    if levels > MAX_DEPTH:
        beyond = levels - MAX_DEPTH
        text = '{"a":' * beyond + '"v"' + "}" * beyond
    assert store.ids(Equals(field_named(path), (text,))) == ["deep"]
    assert record.not_indexed == (() if levels == MAX_DEPTH else ("a",))


@pytest.mark.parametrize(
    "number",
    [
        *(0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1),
        *(-0.0, 0.1, 1e-7, 1e16, 1e308, -1e308, 5e-324, 1.7976931348623157e308),
    ],
)
def test_a_number_comes_back_as_sent_and_is_found(store: Store, number: float) -> None:
    store.add(a_sent_record("it", attributes={"f": number, "g": [number, {"h": number}]}))
    (record,) = store.search(Equals(F, (number,))).records
    sent = record.attributes["f"]
    assert (sent, type(sent)) == (number, type(number))
    assert store.ids(
        NumberRange(F, float(number), float(number), includes_lower=True, includes_upper=True)
    ) == ["it"]
    assert store.ids(Equals(field_named("g"), (number,))) == ["it"]
    assert store.ids(Equals(field_named("g.h"), (number,))) == ["it"]


def test_a_field_may_change_its_type_from_record_to_record(store: Store) -> None:
    values: list[Any] = [1, "1", True, {"x": 1}, [1, "a"], None, 1.5, "2026-11-20T10:00:00Z"]
    store.add(*(a_sent_record(f"{i}", attributes={"f": value}) for i, value in enumerate(values)))
    assert store.ids(Exists(F)) == ["0", "1", "2", "3", "4", "6", "7"]
    assert store.ids(Equals(F, (1,))) == ["0", "4"]
    assert store.ids(Matches(F, ANY_RUN)) == ["1", "4", "7"]
    assert [record.attributes["f"] for record in store.all_records()] == values


def test_ten_thousand_different_keys_are_stored(store: Store) -> None:
    store.add(
        *(
            a_sent_record(f"{n}", attributes={f"k{n}_{i}": f"v{i}" for i in range(100)})
            for n in range(100)
        )
    )
    assert store.ids(Equals(field_named("k37_99"), ("v99",))) == ["37"]
    assert store.ids(Exists(field_named("k99_0"))) == ["99"]
