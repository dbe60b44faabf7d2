"""One sent id, one record: unless the content is another."""

from __future__ import annotations

import pytest

from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, AppendReport
from tests.conformance.cast import ALICE, CHARLIE, GLOBEX
from tests.conformance.records import NOON_NS, a_record, a_sent_record
from tests.conformance.stores import Store

HOUR_NS = 3600 * NS_PER_SECOND


def test_the_same_record_sent_again_is_found_once(store: Store) -> None:
    assert store.add(a_sent_record("order-1")) == AppendReport(1, 0)
    assert store.add(a_sent_record("order-1")) == AppendReport(stored=0, repeated=1)
    assert store.ids() == ["order-1"]


def test_a_repetition_before_the_first_ones_commit_is_seen_too(store: Store) -> None:
    store.append(a_sent_record("order-1"))
    assert store.append(a_sent_record("order-1")) == AppendReport(stored=0, repeated=1)
    store.commit()
    assert store.ids() == ["order-1"]


def test_the_same_id_with_other_content_is_kept_under_an_id_of_its_own(store: Store) -> None:
    store.add(a_sent_record("order-1", "paid"))
    assert store.add(a_sent_record("order-1", "refunded")) == AppendReport(1, 0)
    first, second = sorted(store.search().records, key=lambda record: record.id != "order-1")
    assert (first.id, first.message, first.attributes) == ("order-1", "paid", {})
    assert second.id != "order-1"
    assert second.message == "refunded"
    assert second.attributes == {"id": "order-1"}
    found = store.reader.get(ALICE, second.id)
    assert found is not None
    assert found.message == "refunded"


def test_other_content_sent_again_is_a_repetition_too(store: Store) -> None:
    store.add(a_sent_record("order-1", "paid"))
    store.add(a_sent_record("order-1", "refunded"))
    again = store.add(a_sent_record("order-1", "refunded"), a_sent_record("order-1", "paid"))
    assert again == AppendReport(stored=0, repeated=2)
    assert len(store.ids()) == 2


def test_each_other_content_has_an_id_of_its_own(store: Store) -> None:
    store.add(*(a_sent_record("order-1", f"version {number}") for number in range(20)))
    assert len(set(store.ids())) == 20


def test_a_derived_id_keeps_an_attribute_of_that_name(store: Store) -> None:
    store.add(a_sent_record("order-1", "paid"))
    store.add(a_sent_record("order-1", "paid twice", attributes={"id": 7}))
    (derived,) = [record for record in store.search().records if record.id != "order-1"]
    assert derived.attributes == {"id": [7, "order-1"]}


def test_the_first_one_wins_where_the_protocol_says_so(store: Store) -> None:
    store.add(a_sent_record("order-1", "paid", first_wins=True))
    again = store.add(a_sent_record("order-1", "refunded", first_wins=True))
    assert again == AppendReport(stored=0, repeated=1)
    assert [record.message for record in store.search().records] == ["paid"]


@pytest.mark.parametrize(
    "sent_id",
    [
        "a",
        "A",
        " leading and trailing ",
        "with:colon/slash\\back\"quote'",
        "ünïcödé-日本-🦊",
        "nul\x00inside",
        "x" * 512,
        "🦊" * 128,
        "018f3c00-0000-7000-8000-00000000abcd",
        "*",
        "2026-11-20T10:00:00Z",
        "-1",
    ],
)
def test_an_id_of_any_shape_is_kept_and_found(store: Store, sent_id: str) -> None:
    store.add(a_sent_record(sent_id), a_record("another"))
    assert store.add(a_sent_record(sent_id)) == AppendReport(stored=0, repeated=1)
    found = store.reader.get(ALICE, sent_id)
    assert found is not None
    assert found.id == sent_id


def test_ids_that_differ_in_case_or_white_space_are_different(store: Store) -> None:
    ids = ["a", "A", "a ", " a", "á", "a\u0301"]
    assert store.add(*map(a_sent_record, ids)) == AppendReport(6, 0)
    assert store.ids() == sorted(ids)


def test_one_id_in_two_organisations_is_two_records(store: Store) -> None:
    report = store.add(a_sent_record("order-1"), a_sent_record("order-1", org_id=GLOBEX))
    assert report == AppendReport(2, 0)
    assert store.ids(scope=ALICE) == store.ids(scope=CHARLIE) == ["order-1"]


@pytest.mark.parametrize("retention_class", [3, 30, 365])
@pytest.mark.parametrize("hours", [0, 1, 23])
@pytest.mark.parametrize("border_days", [0, 3, 11])
def test_a_sent_id_is_remembered_for_a_day_across_the_borders_of_periods(
    store: Store, retention_class: int, hours: int, border_days: int
) -> None:
    # From Friday 20 November: midnight, the week's end, the month's end (and a week's).
    midnight = NOON_NS - NOON_NS % NS_PER_DAY + NS_PER_DAY
    before = midnight + border_days * NS_PER_DAY - HOUR_NS // 2
    store.add(a_sent_record("order-1", received=before, retention_class=retention_class))
    after = before + hours * HOUR_NS
    again = a_sent_record("order-1", received=after, retention_class=retention_class)
    assert store.add(again) == AppendReport(stored=0, repeated=1)
    other = a_sent_record("order-1", "other", received=after, retention_class=retention_class)
    assert store.add(other) == AppendReport(stored=1, repeated=0)
    assert store.add(other) == AppendReport(stored=0, repeated=1)
    assert len(store.ids()) == 2


def test_a_sent_id_is_known_whatever_stream_and_class_it_went_to(store: Store) -> None:
    store.add(a_sent_record("order-1", stream="default", retention_class=30))
    again = a_sent_record("order-1", stream="audit", retention_class=365)
    assert store.add(again) == AppendReport(stored=0, repeated=1)


def test_after_two_periods_the_same_id_is_a_new_record(store: Store) -> None:
    store.add(a_sent_record("order-1", retention_class=7))
    later = NOON_NS + 3 * NS_PER_DAY
    again = a_sent_record("order-1", received=later, at=later, retention_class=7)
    assert store.add(again) == AppendReport(1, 0)
    assert store.ids() == ["order-1", "order-1"]
    newest = store.reader.get(ALICE, "order-1")
    assert newest is not None
    assert newest.observed_ns == later


@pytest.mark.parametrize("first_wins", [False, True])
@pytest.mark.parametrize("contents", [("paid", "paid"), ("paid", "refunded")])
def test_what_waits_is_remembered_no_longer_than_what_is_stored(
    store: Store, *, contents: tuple[str, str], first_wins: bool
) -> None:
    # Of a backlog of days all records may wait for one commit.
    for days, content in zip((0, 3), contents, strict=True):
        received = NOON_NS + days * NS_PER_DAY
        record = a_sent_record(
            "order-1", content, received=received, retention_class=7, first_wins=first_wins
        )
        assert store.append(record) == AppendReport(1, 0)
    store.commit()
    assert store.ids() == ["order-1", "order-1"]


def test_an_id_that_we_made_and_is_sent_back_is_another_record(store: Store) -> None:
    made = a_record("ours")
    store.add(made)
    assert store.add(a_sent_record(made.id, "theirs")) == AppendReport(1, 0)
    assert len(set(store.ids())) == 2


def test_nothing_is_found_under_an_unknown_id(store: Store) -> None:
    store.add(a_sent_record("order-1"))
    for unknown in ("order-2", "order", "order-1 ", "", "*", "x" * 32_767, "🦊" * 20_000):
        assert store.reader.get(ALICE, unknown) is None
