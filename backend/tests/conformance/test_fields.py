"""Which fields there are, and which values they have."""

from __future__ import annotations

from app.logstore.types import TimeRange, ValueCount
from app.query import fields
from app.query.fields import field_named
from app.query.filters import Equals
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record
from tests.conformance.stores import EVERYTHING, Store


def _listed(store: Store, range_: TimeRange = ALWAYS, limit: int = 1000) -> list[tuple[str, ...]]:
    listed = store.reader.fields(ALICE, range_, limit=limit).fields
    return [(field.name, field.type, str(field.records)) for field in listed]


def test_built_in_fields_that_records_have_come_first_then_attributes_by_name(
    store: Store,
) -> None:
    store.add(
        a_record(service="web", level="info", level_number=9, attributes={"z": 1, "a": {"b": "x"}}),
        a_record(attributes={"a": {"b": "y", "c": True}, "é": "x"}),
    )
    assert _listed(store) == [
        ("@timestamp", "time", "2"),
        ("observed_at", "time", "2"),
        ("message", "string", "2"),
        ("level", "string", "1"),
        ("level_number", "number", "1"),
        ("service", "string", "1"),
        ("stream", "string", "2"),
        ("id", "string", "2"),
        ("a.b", "string", "2"),
        ("a.c", "boolean", "1"),
        ("z", "number", "1"),
        ("é", "string", "1"),
    ]


def test_a_field_of_several_types_is_mixed_and_counts_records_not_values(store: Store) -> None:
    store.add(
        a_record(attributes={"f": ["a", "b", 1], "n": [1, 2.5]}),
        a_record(attributes={"f": "a", "n": []}),
        a_record(attributes={"f": None, "n": {}}),
    )
    rows = _listed(store)
    assert ("f", "mixed", "2") in rows
    assert ("n", "number", "1") in rows


def test_fields_are_those_of_the_records_in_range(store: Store) -> None:
    store.add(
        a_record(at=NOON_NS, attributes={"now": 1, "both": 1}),
        a_record(at=NOON_NS + 1, attributes={"later": 1, "both": "x"}),
    )
    names = [name for name, *_ in _listed(store, TimeRange(NOON_NS, NOON_NS + 1))]
    assert names[-2:] == ["both", "now"]
    assert ("both", "number", "1") in _listed(store, TimeRange(NOON_NS, NOON_NS + 1))
    assert ("both", "mixed", "2") in _listed(store)
    assert store.reader.fields(ALICE, TimeRange(0, 1)).fields == ()


def test_the_most_frequent_attributes_stay_when_the_list_is_cut(store: Store) -> None:
    store.add(
        *(a_record(attributes=dict.fromkeys("abcde"[i:], 1)) for i in range(5)),
        a_record(attributes={"e": 1, "x": 1}),
    )
    cut = [name for name, *_ in _listed(store, limit=3) if name not in fields.BUILT_IN]
    assert cut == ["e", "d", "c"]
    assert ("e", "number", "6") in _listed(store, limit=3)
    whole = [name for name, *_ in _listed(store, limit=6) if name not in fields.BUILT_IN]
    assert whole == ["a", "b", "c", "d", "e", "x"]


def test_odd_names_are_listed_as_they_are(store: Store) -> None:
    names = ["", " ", "a b", "a:b", "a..b", ".a", "a.", "*", "ключ", "🦊", "a\x00b", "`x`", "=a"]
    store.add(a_record(attributes=dict.fromkeys(names, "v")))
    listed = [name for name, *_ in _listed(store) if name not in fields.BUILT_IN]
    assert listed == sorted(names)


def test_values_are_ranked_by_records_then_by_text(store: Store) -> None:
    store.add(
        *(a_record(service=name) for name in ["b", "b", "a", "a", "c", "d", "d", "d"]), a_record()
    )
    values = store.reader.field_values(ALICE, fields.SERVICE, EVERYTHING, ALWAYS, size=3)
    assert values.values == (ValueCount("d", 3), ValueCount("a", 2), ValueCount("b", 2))
    assert (values.other, values.missing, values.distinct) == (1, 1, 4)


def test_values_keep_their_type_and_count_records(store: Store) -> None:
    store.add(
        a_record(attributes={"f": [200, 200.0, "200", True]}),
        a_record(attributes={"f": [200, "true", -0.0]}),
        a_record(attributes={"f": [1.5, 0]}),
        a_record(attributes={"f": {"below": 1}}),
    )
    values = store.reader.field_values(ALICE, field_named("f"), EVERYTHING, ALWAYS)
    found = [(type(v.value) is str, type(v.value) is bool, v.value, v.count) for v in values.values]
    assert found == [
        (False, False, 0, 2),
        (False, False, 200, 2),
        (False, False, 1.5, 1),
        (True, False, "200", 1),
        (False, True, True, 1),
        (True, False, "true", 1),
    ]
    assert (values.other, values.missing, values.distinct) == (0, 1, 6)


def test_a_prefix_is_on_the_text_of_values_and_the_others_are_counted(store: Store) -> None:
    store.add(
        a_record(attributes={"f": "apple"}),
        a_record(attributes={"f": ["apricot", "banana"]}),
        a_record(attributes={"f": "Apple"}),
        a_record(attributes={"f": [12, 120.5]}),
        a_record(),
    )
    field = field_named("f")
    found = store.reader.field_values(ALICE, field, EVERYTHING, ALWAYS, prefix="ap")
    assert found.values == (ValueCount("apple", 1), ValueCount("apricot", 1))
    assert (found.other, found.missing, found.distinct) == (2, 1, 2)
    numbers = store.reader.field_values(ALICE, field, EVERYTHING, ALWAYS, prefix="12")
    assert numbers.values == (ValueCount(12, 1), ValueCount(120.5, 1))
    none = store.reader.field_values(ALICE, field, EVERYTHING, ALWAYS, prefix="zzz")
    assert (none.values, none.other, none.missing, none.distinct) == ((), 4, 1, 0)


def test_values_are_those_of_matching_records_in_range(store: Store) -> None:
    store.add(
        a_record(service="a", host="h1"),
        a_record(service="b", host="h1"),
        a_record(service="c", host="h2"),
        a_record(service="d", host="h1", at=NOON_NS + 1),
        a_record(host="h1"),
    )
    at_noon = TimeRange(NOON_NS, NOON_NS + 1)
    on_h1 = Equals(fields.HOST, ("h1",))
    values = store.reader.field_values(ALICE, fields.SERVICE, on_h1, at_noon)
    assert values.values == (ValueCount("a", 1), ValueCount("b", 1))
    assert (values.other, values.missing) == (0, 1)


def test_levels_have_values_too(store: Store) -> None:
    store.add(a_record(level="error", level_number=17), a_record(level="info", level_number=9))
    values = store.reader.field_values(ALICE, fields.LEVEL, EVERYTHING, ALWAYS)
    assert values.values == (ValueCount("error", 1), ValueCount("info", 1))
    numbers = store.reader.field_values(ALICE, fields.LEVEL_NUMBER, EVERYTHING, ALWAYS)
    assert numbers.values == (ValueCount(17, 1), ValueCount(9, 1))


def test_many_values_are_counted_within_the_bound(store: Store) -> None:
    store.add(*(a_record(attributes={"user": f"u{i}"}) for i in range(5_000)))
    values = store.reader.field_values(ALICE, field_named("user"), EVERYTHING, ALWAYS, size=5)
    assert [v.value for v in values.values] == ["u0", "u1", "u10", "u100", "u1000"]
    assert values.other == 4_995
    assert abs(values.distinct - 5_000) <= 100


def test_what_lies_below_a_path_says_nothing_of_its_own_type(store: Store) -> None:
    store.add(a_record(attributes={"f": [5, {"x": "text"}], "g": [{"x": True}, "text"]}))
    rows = _listed(store)
    for row in (("f", "number"), ("f.x", "string"), ("g", "string"), ("g.x", "boolean")):
        assert (*row, "1") in rows
    values = store.reader.field_values(ALICE, field_named("f"), EVERYTHING, ALWAYS)
    assert (values.values, values.missing) == ((ValueCount(5, 1),), 0)
