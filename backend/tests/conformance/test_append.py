"""When records become visible, and what is done about an entry that comes again."""

from __future__ import annotations

from app.logstore.types import AppendReport, Position
from tests.conformance.records import a_record, a_sent_record
from tests.conformance.stores import Store
from tests.elastic_indices import answered_health

HERE = "018f3c00-0000-7000-8000-0000000000f1"
ELSEWHERE = "018f3c00-0000-7000-8000-0000000000f2"


def test_a_record_is_visible_after_commit_and_not_before(store: Store) -> None:
    record = a_record()
    store.append(record)
    assert store.ids() == []
    store.commit()
    assert store.ids() == [record.id]


def test_entries_between_two_commits_become_visible_together(store: Store) -> None:
    records = [a_record() for _ in range(3)]
    for record in records:
        store.append(record)
    assert store.ids() == []
    store.commit()
    assert store.ids() == sorted(record.id for record in records)


def test_everything_that_went_in_comes_out(store: Store) -> None:
    record = a_record(
        "Payment failed: card «declined»",
        at=1,
        received=1_795_168_800_123_456_789,
        stream="payments",
        level="warn",
        level_number=14,
        service="checkout",
        host="web-1",
        environment="prod",
        logger="app.pay",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        attributes={
            "status": 500,
            "user": {"id": "u1", "tags": ["a", None, ["b", {"c": 1.5}]], "empty": {}},
            "ok": False,
            "none": None,
            "": {"": ""},
            "2026-11-20T10:00:00Z": "2026-11-20T10:00:00Z",
        },
    )
    store.add(record)
    (stored,) = store.search(stream="payments").records
    for name in record._fields:
        if hasattr(stored, name):
            assert getattr(stored, name) == getattr(record, name), name
    assert stored.not_indexed == ()


def test_what_a_record_lacks_stays_null(store: Store) -> None:
    store.add(a_record("", attributes={}))
    (stored,) = store.search().records
    assert stored.message == ""
    assert stored.attributes == {}
    assert (stored.level, stored.level_number, stored.service, stored.host) == (None,) * 4
    assert (stored.environment, stored.logger, stored.trace_id, stored.span_id) == (None,) * 4


def test_the_caller_may_reuse_the_list(store: Store) -> None:
    records = [a_record()]
    sent = records[0].id
    store.writer.append(records, position=Position(HERE, 1))
    records.clear()
    store.commit()
    assert store.ids() == [sent]


def test_an_empty_entry_is_nothing_and_disturbs_nothing(store: Store) -> None:
    record = a_record()
    for number, records in ((1, []), (2, [record]), (3, [])):
        report = store.writer.append(records, position=Position(HERE, number))
        assert report == AppendReport(stored=len(records), repeated=0)
        store.commit()
    assert store.writer.append([record], position=Position(HERE, 2)) == AppendReport(0, 1)
    assert store.ids() == [record.id]


def test_an_entry_that_was_committed_changes_nothing_when_it_comes_again(store: Store) -> None:
    first, second = a_record(), a_record()
    assert store.writer.append([first], position=Position(HERE, 1)) == AppendReport(1, 0)
    assert store.writer.append([second], position=Position(HERE, 2)) == AppendReport(1, 0)
    store.commit()
    for number, record in ((1, first), (2, second)):
        again = store.writer.append([record], position=Position(HERE, number))
        assert again == AppendReport(stored=0, repeated=1)
    store.commit()
    assert store.ids() == sorted([first.id, second.id])


def test_the_entry_after_the_committed_ones_is_new(store: Store) -> None:
    first, second = a_record(), a_record()
    store.writer.append([first], position=Position(HERE, 7))
    store.commit()
    assert store.writer.append([second], position=Position(HERE, 8)) == AppendReport(1, 0)
    store.commit()
    assert store.ids() == sorted([first.id, second.id])


def test_every_journal_counts_for_itself(store: Store) -> None:
    first, second = a_record(), a_record()
    store.writer.append([first], position=Position(HERE, 5))
    store.commit()
    assert store.writer.append([second], position=Position(ELSEWHERE, 1)) == AppendReport(1, 0)
    store.commit()
    assert store.ids() == sorted([first.id, second.id])
    again = store.writer.append([second], position=Position(ELSEWHERE, 1))
    assert again == AppendReport(stored=0, repeated=1)


def test_a_large_entry_over_many_organisations_and_classes_is_one_entry(store: Store) -> None:
    records = [
        a_record(retention_class=days, stream=stream, at=at)
        for days in (3, 7, 14, 30, 90, 365)
        for stream in ("default", "other")
        for at in (1, 2**40, 2**60)
    ]
    assert store.writer.append(records, position=Position(HERE, 1)) == AppendReport(36, 0)
    store.commit()
    again = store.writer.append(records, position=Position(HERE, 1))
    assert again == AppendReport(stored=0, repeated=36)
    store.commit()
    assert store.ids() == sorted(record.id for record in records)


def test_a_report_counts_stored_and_repeated_ones(store: Store) -> None:
    sent = a_sent_record("order-1")
    assert store.add(sent, a_record(), sent) == AppendReport(stored=2, repeated=1)


def test_closing_the_writer_commits(store: Store) -> None:
    record = a_record()
    store.append(record)
    store.writer.close()
    assert store.ids() == [record.id]


def test_a_healthy_store_says_so_on_both_sides(store: Store) -> None:
    store.add(a_record())
    for health in (answered_health(store.reader), answered_health(store.writer)):
        assert (health.status, health.broken) == ("up", ())


def test_what_was_let_go_is_gone_until_it_is_appended_again(store: Store) -> None:
    made, sent = a_record(), a_sent_record("order-1")
    for number in (3, 4):
        store.writer.append([made, sent], position=Position(HERE, number))
        store.writer.let_go()
    # A journal that took the entry out meanwhile goes on with the next.
    last = store.writer.append([made, sent], position=Position(HERE, 5))
    assert last == AppendReport(stored=2, repeated=0)
    store.commit()
    assert store.ids() == sorted([made.id, sent.id])
    store.writer.let_go()
    assert store.writer.append([made], position=Position(HERE, 5)) == AppendReport(0, 1)
    store.writer.append([a_record()], position=Position(HERE, 6))
    store.commit()
    assert len(store.ids()) == 3
