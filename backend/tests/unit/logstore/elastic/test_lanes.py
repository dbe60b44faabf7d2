"""What waits for an index that refuses."""

from __future__ import annotations

from app.logstore.elastic.lanes import Lanes
from app.logstore.elastic.sending import MAX_BYTES as LARGEST_BATCH
from app.logstore.elastic.sending import MIN_BYTES, BatchSize, Fate, Item, Sent
from app.logstore.types import Position
from tests.conformance.records import a_record


def _item(index: str, number: int, size: int = 10) -> Item:
    return Item(index, f"k{number}", b"x" * size, a_record(), Position("j", number))


def test_a_lane_is_tried_again_after_pauses_that_grow() -> None:
    lanes = Lanes()
    lanes.add([_item("a", 3)], now=0.0)
    assert lanes.due(0.1) == []
    assert lanes.due(1.0) == ["a"]
    lanes.failed("a", now=1.0)
    assert lanes.due(1.4) == []
    assert lanes.due(2.1) == ["a"]


def test_a_lane_is_tried_with_a_few_of_its_records_that_stay_in_it() -> None:
    lanes = Lanes()
    items = [_item("a", number, 10_000) for number in range(1, 300)]
    lanes.add(items, now=0.0)
    tried = lanes.first_of("a")
    assert tried == items[: len(tried)]
    assert 1 < len(tried) < 30
    assert lanes.opened("a") == items
    assert "a" not in lanes


def test_the_first_entry_that_waits_is_known_for_each_journal() -> None:
    lanes = Lanes()
    assert lanes.first("j") is None
    lanes.add([_item("a", 7), _item("b", 4), _item("a", 9)], now=0.0)
    assert lanes.first("j") == Position("j", 4)
    assert (lanes.first("other"), lanes.numbers("other")) == (None, set())
    assert lanes.numbers("j") == {4, 7, 9}
    assert [(one.index, one.records, one.bytes) for one in lanes.waiting] == [
        ("a", 2, 20),
        ("b", 1, 10),
    ]


def test_what_finds_no_room_is_let_go_and_its_entry_stays_known() -> None:
    lanes = Lanes(max_bytes=100)
    lanes.add([_item("a", 5, 60), _item("b", 6, 30)], now=0.0, reason="closed")
    lanes.add([_item("b", 2, 60), _item("b", 7, 60)], now=0.0)
    assert lanes.first("j") == Position("j", 2)
    first, second = lanes.waiting
    assert (first.records, second.records, second.bytes) == (1, 3, 30)
    assert second.reason == "closed"
    lanes.opened("a")
    assert not lanes.has_let_go
    assert [item.position.number for item in lanes.opened("b")] == [6]
    # It is wanted again, and nobody may take it for stored before it came.
    assert lanes.has_let_go
    assert lanes.first("j") == Position("j", 2)
    assert lanes.numbers("j") == {2, 7}
    lanes.clear()
    assert (lanes.has_let_go, lanes.first("j")) == (False, None)
    # All room is there again.
    lanes.add([_item("c", 9, 100)], now=0.0)
    assert [item.position.number for item in lanes.items()] == [9]


def test_every_lane_keeps_a_record_to_be_tried_with() -> None:
    lanes = Lanes(max_bytes=100)
    lanes.add([_item("a", 1, 100), _item("b", 2, 50), _item("b", 3, 1)], now=0.0)
    assert [item.position.number for item in lanes.first_of("b")] == [2]
    assert [(one.index, one.records, one.bytes) for one in lanes.waiting] == [
        ("a", 1, 100),
        ("b", 2, 50),
    ]
    assert [item.position.number for item in lanes.opened("b")] == [2]
    assert lanes.first("j") == Position("j", 1)


def test_what_came_back_is_told_with_its_reason() -> None:
    items = [_item("a", number) for number in range(5)]
    fates = [Fate.REFUSED, Fate.STORED, Fate.BUSY, Fate.REJECTED, Fate.REFUSED]
    sent = Sent(items, fates, {0: "closed", 2: "full", 3: "odd"})
    assert sent.told(Fate.REFUSED, Fate.BUSY) == [
        (items[0], "closed"),
        (items[2], "full"),
        (items[4], ""),
    ]
    assert sent.told(Fate.REJECTED) == [(items[3], "odd")]


def test_batches_shrink_when_it_is_slow_and_grow_when_it_is_not() -> None:
    size = BatchSize()
    start = size.bytes
    size.took(10.0)
    assert size.bytes == start // 2
    for _ in range(50):
        size.took(0.1)
    assert size.bytes == LARGEST_BATCH
    for _ in range(50):
        size.shrink()
    assert size.bytes == MIN_BYTES
    size.took(1.0)
    assert size.bytes == MIN_BYTES
