"""What waits for an index that refuses."""

from __future__ import annotations

from app.logstore.elastic.lanes import MAX_BYTES, Lanes
from app.logstore.elastic.sending import MAX_BYTES as LARGEST_BATCH
from app.logstore.elastic.sending import MIN_BYTES, BatchSize, Item
from app.logstore.types import Position
from tests.conformance.records import a_record


def _item(index: str, number: int, size: int = 10) -> Item:
    return Item(index, f"k{number}", b"x" * size, a_record(), Position("j", number))


def test_a_lane_is_tried_again_after_pauses_that_grow() -> None:
    lanes = Lanes()
    lanes.add([_item("a", 3)], now=0.0)
    assert lanes.take_due(0.1) == []
    first = lanes.take_due(1.0)
    assert [item.index for item in first] == ["a"]
    lanes.failed(first, now=1.0)
    assert lanes.take_due(1.4) == []
    assert lanes.take_due(2.1) == first


def test_the_first_entry_that_waits_is_known_for_each_journal() -> None:
    lanes = Lanes()
    assert lanes.first("j") is None
    lanes.add([_item("a", 7), _item("b", 4), _item("a", 9)], now=0.0)
    assert lanes.first("j") == Position("j", 4)
    assert lanes.first("other") is None
    assert lanes.indices == ("a", "b")


def test_lanes_are_full_together_and_free_when_taken() -> None:
    lanes = Lanes()
    lanes.add([_item("a", 1, MAX_BYTES // 2), _item("b", 2, MAX_BYTES // 2)], now=0.0)
    fullness = [lanes.is_full]
    lanes.take_due(60.0)
    lanes.forget_empty()
    assert [*fullness, lanes.is_full] == [True, False]
    assert lanes.indices == ()


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
