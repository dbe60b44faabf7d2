"""The bytes of a `_bulk` answer."""

from __future__ import annotations

import json

import pytest

from app.core.errors import Invalid
from app.ingest.protocols.es_answer import outline, render
from app.ingest.protocols.es_bulk import Bulk, read
from app.ingest.protocols.records import BodyLimits

FINE = b'{"create":{"_index":"x","_id":"a"}}\n{"n":1}\n{"index":{"_index":"\\u00e9\\"","_id":"b\\""}}\n{}\n'
FAILED = b'{"delete":{"_index":"x","_id":"c"}}\n'
QUARANTINED = b'{"create":{"_index":"x","_id":"d"}}\n{bad\n'
BEATS = "errors,items.*.error,items.*.status"


def bulk_of(body: bytes) -> Bulk:
    return read(body, "", BodyLimits())


def answer(body: bytes, filter_path: str = "", *, is_short: bool = False) -> bytes:
    return render(bulk_of(body), 0, 7, outline(filter_path, is_short=is_short))


def test_a_full_answer_is_compact_and_its_keys_are_in_order() -> None:
    assert answer(FINE) == (
        b'{"took":7,"errors":false,"items":['
        b'{"create":{"_index":"x","_id":"a","_version":1,"result":"created",'
        b'"_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,'
        b'"status":201}},'
        b'{"index":{"_index":"\xc3\xa9\\"","_id":"b\\"","_version":1,"result":"created",'
        b'"_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,'
        b'"status":201}}]}'
    )


def test_a_failed_item_sets_errors_in_the_bytes_that_vector_looks_for() -> None:
    body = answer(FINE + FAILED)

    assert b'"errors":true' in body
    assert body.endswith(
        b'{"delete":{"_index":"x","_id":"c","status":400,"error":{"type":'
        b'"illegal_argument_exception","reason":"logs are append-only: [delete] is not supported"'
        b"}}}]}"
    )


def test_a_quarantined_item_is_a_success_that_says_so() -> None:
    body = answer(QUARANTINED)

    assert b'"errors":false,"items":[' in body
    (item,) = json.loads(body)["items"]
    assert item["create"]["status"] == 201
    assert item["create"]["failure_store"] == "used"


def test_fluent_bit_gets_short_items_and_the_bytes_it_looks_for() -> None:
    assert answer(FINE, is_short=True) == (
        b'{"took":7,"errors":false,"items":[{"create":{"status":201}},{"index":{"status":201}}]}'
    )
    assert len(answer(FINE * 8000, is_short=True)) < 512 * 1024


def test_beats_get_what_they_filter_for() -> None:
    assert answer(FINE, BEATS) == (
        b'{"errors":false,"items":[{"create":{"status":201}},{"index":{"status":201}}]}'
    )
    assert answer(FINE + FAILED, BEATS) == (
        b'{"errors":true,"items":[{"create":{"status":201}},{"index":{"status":201}},'
        b'{"delete":{"status":400,"error":{"type":"illegal_argument_exception",'
        b'"reason":"logs are append-only: [delete] is not supported"}}}]}'
    )


@pytest.mark.parametrize(
    ("filter_path", "left"),
    [
        ("errors", b'{"errors":true}'),
        ("took,errors", b'{"took":7,"errors":true}'),
        ("-items", b'{"took":7,"errors":true}'),
        (
            "items.*.error.type",
            b'{"items":[{"delete":{"error":{"type":"illegal_argument_exception"}}}]}',
        ),
        ("items.create._id", b'{"items":[{"create":{"_id":"a"}}]}'),
        (
            "items.*._id",
            b'{"items":[{"create":{"_id":"a"}},{"index":{"_id":"b\\""}},{"delete":{"_id":"c"}}]}',
        ),
        ("items.c*.s*", b'{"items":[{"create":{"status":201}}]}'),
        (
            "**.status",
            b'{"items":[{"create":{"status":201}},{"index":{"status":201}},{"delete":{"status":400}}]}',
        ),
        (
            "items.*.status,-items.index",
            b'{"items":[{"create":{"status":201}},{"delete":{"status":400}}]}',
        ),
        (
            "items.*._shards.total",
            b'{"items":[{"create":{"_shards":{"total":1}}},{"index":{"_shards":{"total":1}}}]}',
        ),
        ("nothing", b"{}"),
    ],
)
def test_filter_path_leaves_what_it_names(filter_path: str, left: bytes) -> None:
    assert answer(FINE + FAILED, filter_path) == left


def test_an_empty_filter_path_leaves_everything() -> None:
    assert answer(FINE, " , ") == answer(FINE)


@pytest.mark.parametrize("filter_path", ["x" * 2001, ".".join("a" * 11)])
def test_a_filter_path_without_end_is_refused(filter_path: str) -> None:
    with pytest.raises(Invalid, match="filter_path"):
        outline(filter_path, is_short=False)
