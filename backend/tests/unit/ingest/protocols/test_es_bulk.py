"""The body of a `_bulk` request: items, what is kept, and what is refused in Elasticsearch's words."""

from __future__ import annotations

import pytest

from app.core.errors import TooLarge
from app.ingest.protocols.es_bulk import Bulk, Failure, Item, id_of, read
from app.ingest.protocols.es_errors import ElasticRefused
from app.ingest.protocols.records import BodyLimits

LIMITS = BodyLimits()
APPEND_ONLY = "logs are append-only: [%s] is not supported"


def read_lines(*lines: bytes, default_index: str = "d") -> Bulk:
    return read(b"".join(line + b"\n" for line in lines), default_index, LIMITS)


def failure_of(item: Item) -> Failure:
    assert isinstance(item.outcome, Failure)
    return item.outcome


def test_create_and_index_are_taken_with_their_ids_and_indices() -> None:
    bulk = read_lines(
        b'{"create":{"_index":"logs-x","_id":"a"}}',
        b'{"n": 1}',
        b'{"index":{}}',
        b'{"id":"mine"}',
    )

    assert bulk.records.lines == [b'{"n": 1}', b'{"id":"mine"}']
    assert bulk.records.ids == ["a", None]
    assert bulk.records.indices == ["logs-x", "d"]
    assert bulk.items == [Item("create", "logs-x", "a", 0), Item("index", "d", None, 1)]


def test_everything_else_that_clients_say_about_an_item_is_ignored() -> None:
    bulk = read_lines(
        b'{"index":{"_index":"x","_type":"_doc","routing":"r","pipeline":"p","version":3,'
        b'"version_type":"external","require_alias":true,"dynamic_templates":{},"_id":null}}',
        b"{}",
    )

    assert bulk.items == [Item("index", "x", None, 0)]


def test_op_type_makes_an_index_a_create() -> None:
    bulk = read_lines(b'{"index":{"op_type":"create"}}', b"{}")

    assert bulk.items[0].operation == "create"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(b"7", "7"), (b'"7"', "7"), (b"-1", "-1"), (b'"%b"' % (b"x" * 512), "x" * 512)],
)
def test_an_id_is_a_text_or_a_whole_number_taken_as_text(sent: bytes, kept: str) -> None:
    bulk = read_lines(b'{"create":{"_id":%b}}' % sent, b"{}")

    assert bulk.records.ids == [kept]


@pytest.mark.parametrize(
    ("id_text", "reason"),
    [
        (b"", "if _id is specified it must not be empty"),
        (b"x" * 513, "id is too long, must be no longer than 512 bytes but was: 513"),
        ("é".encode() * 257, "id is too long, must be no longer than 512 bytes but was: 514"),
    ],
)
def test_an_impossible_id_fails_its_item_alone(id_text: bytes, reason: str) -> None:
    bulk = read_lines(
        b'{"create":{"_id":"%b"}}' % id_text, b'{"n":1}', b'{"create":{"_id":"b"}}', b'{"n":2}'
    )

    assert failure_of(bulk.items[0]) == Failure(400, "illegal_argument_exception", reason)
    assert bulk.items[1] == Item("create", "d", "b", 0)
    assert bulk.records.lines == [b'{"n":2}']
    assert bulk.records.ids == ["b"]
    assert bulk.records.indices == ["d"]


def test_update_and_delete_fail_their_item_and_keep_the_order() -> None:
    bulk = read_lines(
        b'{"update":{"_index":"x","_id":"a"}}',
        b'{"script":{"source":"ctx._source.n += 1"}}',
        b'{"delete":{"_index":"x","_id":"b"}}',
        b'{"create":{"_index":"x"}}',
        b'{"n":1}',
    )

    assert bulk.items == [
        Item(
            "update", "x", "a", Failure(400, "illegal_argument_exception", APPEND_ONLY % "update")
        ),
        Item(
            "delete", "x", "b", Failure(400, "illegal_argument_exception", APPEND_ONLY % "delete")
        ),
        Item("create", "x", None, 0),
    ]
    assert bulk.records.lines == [b'{"n":1}']


@pytest.mark.parametrize("condition", [b'"if_seq_no":1', b'"if_primary_term":1'])
def test_a_conditional_write_fails_its_item(condition: bytes) -> None:
    bulk = read_lines(b'{"index":{"_id":"a",%b}}' % condition, b"{}")

    assert failure_of(bulk.items[0]).status == 400


def test_an_index_name_over_the_limit_fails_its_item() -> None:
    bulk = read_lines(b'{"index":{"_index":"%b"}}' % (b"x" * 256), b"{}")

    assert failure_of(bulk.items[0]).type == "invalid_index_name_exception"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b'{"a":', "invalid_json"),
        (b"[1]", "not_an_object"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b"", "invalid_json"),
    ],
)
def test_a_source_that_cannot_be_read_is_taken_and_kept_with_its_reason(
    source: bytes, code: str
) -> None:
    bulk = read_lines(b'{"create":{}}', b'{"n":1}', b'{"create":{}}', source)

    assert [item.outcome for item in bulk.items] == [0, 1]
    assert bulk.records.lines == [b'{"n":1}', source]
    assert bulk.records.bad == {1: code}


def test_a_source_over_the_limit_fails_its_item_alone() -> None:
    limits = BodyLimits(record_bytes=10)
    bulk = read(b'{"create":{}}\n{"n":12345}\n{"create":{}}\n{"n":1}\n', "d", limits)

    assert failure_of(bulk.items[0]).reason == "a record may have 10 bytes, this one has 11"
    assert bulk.items[1].outcome == 0
    assert bulk.records.lines == [b'{"n":1}']


def test_crlf_and_empty_action_lines_are_fine() -> None:
    bulk = read(b'\n{"create":{}}\r\n{"n":1}\r\n\r\n{"create":{}}\r\n{"n":2}\r\n\n', "d", LIMITS)

    assert bulk.records.lines == [b'{"n":1}', b'{"n":2}']
    assert len(bulk.items) == 2


def refusal(body: bytes, default_index: str = "d") -> tuple[str, str]:
    with pytest.raises(ElasticRefused) as caught:
        read(body, default_index, LIMITS)
    assert caught.value.status == 400
    return caught.value.code, caught.value.detail


@pytest.mark.parametrize(
    ("body", "error_type", "reason"),
    [
        (b"", "parse_exception", "request body is required"),
        (
            b"\n\n",
            "action_request_validation_exception",
            "Validation Failed: 1: no requests added;",
        ),
        (
            b'{"create":{}}\n{}',
            "illegal_argument_exception",
            "The bulk request must be terminated by a newline [\\n]",
        ),
        (
            b'{"create":{}}\n{}\n[]\n{}\n',
            "illegal_argument_exception",
            "Malformed action/metadata line [3], expected START_OBJECT but found [START_ARRAY]",
        ),
        (
            b"7\n{}\n",
            "illegal_argument_exception",
            "Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_NUMBER]",
        ),
        (
            b"{}\n{}\n",
            "illegal_argument_exception",
            "Malformed action/metadata line [1], expected FIELD_NAME but found [END_OBJECT]",
        ),
        (
            b'{"create":7}\n{}\n',
            "illegal_argument_exception",
            "Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_NUMBER]",
        ),
        (
            b'{"put":{}}\n{}\n',
            "illegal_argument_exception",
            "Malformed action/metadata line [1], expected field [create], [delete], [index] or"
            " [update] but found [put]",
        ),
        (
            b'{"create":{},"index":{}}\n{}\n',
            "illegal_argument_exception",
            "Malformed action/metadata line [1], expected END_OBJECT but found [FIELD_NAME]",
        ),
        (
            b'{"create":{"_what":1}}\n{}\n',
            "illegal_argument_exception",
            "Action/metadata line [1] contains an unknown parameter [_what]",
        ),
        (
            b'{"create":{"_id":[1]}}\n{}\n',
            "illegal_argument_exception",
            "Malformed action/metadata line [1], expected a text or a whole number for field"
            " [_id] but found [START_ARRAY]",
        ),
        (
            b'{"create":{}}\n',
            "illegal_argument_exception",
            "Action/metadata line [1] has no source line after it",
        ),
    ],
)
def test_a_request_that_cannot_be_taken_apart_is_refused_as_a_whole(
    body: bytes, error_type: str, reason: str
) -> None:
    assert refusal(body) == (error_type, reason)


def test_an_action_line_that_is_not_json_is_refused_as_a_whole() -> None:
    error_type, reason = refusal(b'{"create":\n{}\n')

    assert error_type == "x_content_parse_exception"
    assert reason.startswith("Malformed action/metadata line [1]")


def test_an_item_without_any_index_is_refused_as_a_whole() -> None:
    assert refusal(b'{"create":{}}\n{}\n', default_index="") == (
        "action_request_validation_exception",
        "Validation Failed: 1: index is missing;",
    )


def test_more_items_than_a_request_may_have_are_refused_as_a_whole() -> None:
    limits = BodyLimits(records=2)
    item = b'{"create":{}}\n{}\n'

    assert len(read(item * 2, "d", limits).items) == 2
    with pytest.raises(TooLarge, match="may have 2 records"):
        read(item * 3, "d", limits)


def test_an_item_has_the_sent_id_or_the_one_of_its_place() -> None:
    bulk = read_lines(
        b'{"delete":{"_id":"x"}}', b'{"create":{"_id":"a"}}', b"{}", b'{"create":{}}', b"{}"
    )

    assert [id_of(item, 256) for item in bulk.items] == [
        "x",
        "a",
        "00000000-0000-0000-0000-000000000101",
    ]
