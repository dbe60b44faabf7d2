"""No method shows one organisation anything of another's, nor lets it change its answers."""

from __future__ import annotations

import pytest

from app.logstore.types import (
    AggregatePlan,
    Function,
    GroupByField,
    Metric,
    SearchPlan,
    sort_key_of,
)
from app.query import fields
from app.query.fields import field_named
from app.query.filters import Equals, Exists, Not, Or, Tokens
from tests.conformance.cast import ACME, ALICE, BOB, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS, NOON_NS, a_record, a_sent_record
from tests.conformance.stores import EVERYTHING, Store

SECRET = a_sent_record(
    "acme-1", "secret plan", service="vault", attributes={"code": "x1", "n": 7}, trace_id="ab"
)


def test_bob_sees_what_alice_sees(store: Store) -> None:
    store.add(SECRET)
    assert store.search(scope=BOB) == store.search(scope=ALICE)
    assert store.ids(scope=BOB) == ["acme-1"]


@pytest.mark.parametrize("has_own", [False, True])
def test_charlie_sees_nothing_of_acme_by_any_method(store: Store, *, has_own: bool) -> None:
    store.add(SECRET)
    own = 1 if has_own else 0
    if has_own:
        store.add(a_record("ours", org_id=GLOBEX))
    for filter_ in (
        EVERYTHING,
        Not(Tokens(("ours", "too"))),
        Or((Exists(fields.SERVICE), Not(Exists(fields.SERVICE)))),
    ):
        assert store.search(filter_, scope=CHARLIE).total == own
        plan = SearchPlan(filter_, ALWAYS)
        assert len(list(store.reader.scan(CHARLIE, plan))) == own
    assert store.reader.get(CHARLIE, "acme-1") is None
    table = store.table(
        [GroupByField(fields.SERVICE)], [Metric(Function.COUNT, "n")], scope=CHARLIE
    )
    assert table.rows == ()
    assert store.table([], [Metric(Function.COUNT, "n")], scope=CHARLIE).rows == ((own,),)
    names = {field.name for field in store.reader.fields(CHARLIE, ALWAYS).fields}
    assert names.isdisjoint({"service", "code", "n", "trace_id"})
    values = store.reader.field_values(CHARLIE, fields.SERVICE, EVERYTHING, ALWAYS)
    assert (values.values, values.other, values.missing) == ((), 0, own)
    codes = store.reader.field_values(CHARLIE, field_named("code"), EVERYTHING, ALWAYS)
    assert (codes.values, codes.distinct) == ((), 0)


def test_no_filter_widens_the_organisation(store: Store) -> None:
    store.add(SECRET, a_record("ours", org_id=GLOBEX, attributes={"org_id": str(ACME)}))
    for name in ("org_id", "_org", "org", "_index", "_routing"):
        filter_ = Equals(field_named(name), (str(ACME), str(GLOBEX), ACME.hex))
        assert all(r.message == "ours" for r in store.search(filter_, scope=CHARLIE).records)


def test_an_attribute_named_org_id_is_just_an_attribute(store: Store) -> None:
    record = a_record("ours", org_id=GLOBEX, attributes={"org_id": str(ACME)})
    store.add(SECRET, record)
    filter_ = Equals(field_named("org_id"), (str(ACME),))
    assert store.ids(filter_, scope=CHARLIE) == [record.id]
    assert store.ids(filter_, scope=ALICE) == []


def test_a_page_that_starts_at_a_strangers_record_shows_only_own_ones(store: Store) -> None:
    store.add(SECRET, a_record("ours", org_id=GLOBEX, at=NOON_NS - 1))
    plan = SearchPlan(EVERYTHING, ALWAYS, after=sort_key_of(SECRET))
    page = store.reader.search(CHARLIE, plan)
    assert [record.message for record in page.records] == ["ours"]


def test_one_organisations_five_thousand_keys_change_no_count_of_another(store: Store) -> None:
    flood = [
        a_record(attributes={f"key_{number + i}": number for i in range(50)})
        for number in range(0, 5000, 50)
    ]
    mine = [
        a_record(org_id=GLOBEX, attributes={"status": 200 + i % 3, "user": f"u{i % 7}"})
        for i in range(70)
    ]
    store.add(*flood[:50])
    store.add(*mine[:35])
    store.add(*flood[50:], *mine[35:])
    status, user = field_named("status"), field_named("user")
    counts = store.table([GroupByField(status)], [Metric(Function.COUNT, "n")], scope=CHARLIE)
    assert counts.rows == ((200, 24), (201, 23), (202, 23))
    assert store.search(Equals(user, ("u1",)), scope=CHARLIE).total == 10
    listed = store.reader.fields(CHARLIE, ALWAYS)
    attributes = {f.name: f for f in listed.fields if f.name not in fields.BUILT_IN}
    assert set(attributes) == {"status", "user"}
    assert all(f.is_indexed and f.records == 70 for f in attributes.values())
    for name in ("key_0", "key_2500", "key_4999"):
        assert store.search(Exists(field_named(name)), scope=ALICE).total == 1
        assert store.search(Exists(field_named(name)), scope=CHARLIE).total == 0


def test_plans_of_one_round_trip_are_all_confined(store: Store) -> None:
    store.add(SECRET, a_record("ours", org_id=GLOBEX))
    plan = AggregatePlan(EVERYTHING, ALWAYS, (), (Metric(Function.COUNT, "n"),))
    tables = store.reader.aggregate(CHARLIE, [plan] * 3)
    assert [table.rows for table in tables] == [((1,),)] * 3
