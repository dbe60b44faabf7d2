"""Records on their way over the bus."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from app.core.errors import Invalid
from app.live.frames import FRAME_BYTES, frames_of, read_head, read_records
from app.logstore.types import RoutedRecord, StoredRecord
from tests.unit.live.made import ACME, record

PUBLISHER = UUID(int=77)


def carried(records: list[RoutedRecord]) -> list[StoredRecord]:
    return [
        one
        for _, frame in frames_of(records, publisher=PUBLISHER, before=0)
        for one in read_records(frame)
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"a": {"b": [1, 2.5, None, True, "ü\n"]}, "": ""},
        {"big": 2**200, "negative": -(2**64), "small": 2**63},
        {"lone": "\ud800"},
    ],
    ids=["none", "nested", "large numbers", "half a character"],
)
def test_a_record_arrives_as_it_was_sent(attributes: dict[str, Any]) -> None:
    sent = record(ACME, "two\nlines", attributes=attributes)
    (found,) = carried([sent])
    assert found.attributes == attributes
    for name in ("id", "message", "timestamp_ns", "observed_ns", "level", "service", "stream"):
        assert getattr(found, name) == getattr(sent, name)


def test_many_records_are_several_frames_that_count_on() -> None:
    records = [record(ACME, f"{number} {'x' * 2_000}") for number in range(400)]
    frames = list(frames_of(records, publisher=PUBLISHER, before=50))
    assert len(frames) > 2
    before = 50
    for head, frame in frames:
        assert len(frame) < FRAME_BYTES + 4_000
        assert read_head(frame) == head
        assert (head.org_id, head.publisher, head.before) == (ACME, PUBLISHER, before)
        before += head.count
    assert before == 450
    assert [one.message for one in carried(records)] == [one.message for one in records]


@pytest.mark.parametrize("frame", [b"", b"\x01", b"\x02" + b"x" * 100])
def test_what_is_no_frame_is_said_to_be_none(frame: bytes) -> None:
    with pytest.raises(Invalid):
        read_head(frame)
