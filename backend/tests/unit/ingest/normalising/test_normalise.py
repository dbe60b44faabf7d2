"""What a record may look like (the HTTP contract), line by line."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from app.core.ids import OrgId, uuid7_run, uuid_text
from app.ingest.directory import DefaultStreams, StreamTarget
from app.ingest.normalising.normalise import normalise, normalise_or_keep
from app.journal.batch import Batch, decode, encode
from app.logstore.types import RoutedRecord
from app.query.fields import SOURCES
from app.query.levels import LEVEL_BY_WORD, LEVEL_NUMBERS

ACME = OrgId(UUID(int=1))
RECEIVED_NS = 1_795_000_000_000_000_000
FIRST_ID = uuid7_run(RECEIVED_NS // 1_000_000)
DEFAULT = StreamTarget("default", 30)
# 2023-07-21T12:34:56Z
INSTANT_NS = 1_689_942_896_000_000_000


def batch(*lines: bytes, **others: Any) -> Batch:
    return Batch(ACME, RECEIVED_NS, FIRST_ID, "ndjson", list(lines), **others)


def record_of(sent: dict[str, Any] | bytes, **others: Any) -> RoutedRecord:
    line = sent if isinstance(sent, bytes) else orjson.dumps(sent)
    (record,) = normalise(batch(line, **others), DEFAULT).records
    return record


def test_a_record_with_everything() -> None:
    record = record_of(
        {
            "@timestamp": "2023-07-21T12:34:56Z",
            "message": "payment failed",
            "level": "ERROR",
            "service": "checkout",
            "host": "web-1",
            "env": "prod",
            "logger": "shop.payment",
            "trace_id": "4BF92F3577B34DA6A3CE929D0E0E4736",
            "span_id": "00F067AA0BA902B7",
            "status": 500,
            "user": {"id": "u1"},
        }
    )
    assert record == RoutedRecord(
        org_id=ACME,
        retention_class=30,
        stream="default",
        id=uuid_text(FIRST_ID),
        is_sent=False,
        first_wins=False,
        digest=b"",
        observed_ns=RECEIVED_NS,
        timestamp_ns=INSTANT_NS,
        message="payment failed",
        level="error",
        level_number=17,
        service="checkout",
        host="web-1",
        environment="prod",
        logger="shop.payment",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        attributes={"status": 500, "user": {"id": "u1"}},
    )


def test_an_empty_record_is_a_record() -> None:
    record = record_of({})
    assert (record.message, record.timestamp_ns, record.attributes) == ("{}", RECEIVED_NS, {})
    assert (record.level, record.level_number, record.service, record.trace_id) == (None,) * 4


def fitting_value(field: str) -> tuple[Any, Any]:
    """(sent, taken)."""
    match field:
        case "@timestamp":
            return "2023-07-21T12:34:56Z", INSTANT_NS
        case "level":
            return "warning", "warn"
        case "trace_id" | "span_id":
            return "ABC123", "abc123"
        case _:
            return "some text", "some text"


def taken(record: RoutedRecord, field: str) -> Any:
    return record.timestamp_ns if field == "@timestamp" else getattr(record, field)


def nested(path: list[str], value: Any) -> dict[str, Any]:
    return {path[0]: value if len(path) == 1 else nested(path[1:], value)}


SOURCE_CASES = [(field, path) for field, paths in SOURCES.items() for path in paths]


@pytest.mark.parametrize(("field", "path"), SOURCE_CASES)
def test_each_source_is_taken_dotted_or_nested_and_leaves_the_attributes(
    field: str, path: str
) -> None:
    sent, expected = fitting_value(field)
    parts = path.split(".")
    spellings = [
        nested([".".join(parts[a:b]) for a, b in zip(cuts, [*cuts[1:], None], strict=True)], sent)
        for cuts in ([0], [0, 1], [0, len(parts) - 1], list(range(len(parts))))
        if cuts == sorted(set(cuts)) and cuts[-1] < len(parts)
    ]
    for spelling in spellings:
        record = record_of(spelling)
        assert taken(record, field) == expected, spelling
        assert record.attributes == {}, spelling


@pytest.mark.parametrize("field", list(SOURCES))
def test_the_first_source_wins_and_the_others_stay(field: str) -> None:
    sent, expected = fitting_value(field)
    others = dict.fromkeys(SOURCES[field][1:], sent)
    record = record_of({**dict(reversed(others.items())), SOURCES[field][0]: sent})
    assert taken(record, field) == expected
    assert record.attributes == others


@pytest.mark.parametrize("field", list(SOURCES))
@pytest.mark.parametrize("unfit", [None, True, {"x": 1}, [], -1.5])
def test_a_source_that_does_not_fit_stays_and_the_next_is_taken(field: str, unfit: Any) -> None:
    sent, expected = fitting_value(field)
    first, second = SOURCES[field][:2]
    record = record_of({first: unfit, second: sent})
    assert taken(record, field) == expected
    if second.startswith(f"{first}."):
        return
    assert record.attributes == {first: unfit}


def test_neighbours_of_the_key_that_was_taken_stay() -> None:
    record = record_of(
        {
            "service": {"name": "checkout", "version": "1.2", "environment": "prod"},
            "log": {"level": "warn", "logger": "shop", "file": {"line": 7}},
            "k8s": {"container": {"name": "c", "id": 5}, "node.name": "n1"},
        }
    )
    assert (record.service, record.environment, record.level) == ("checkout", "prod", "warn")
    assert (record.logger, record.host) == ("shop", "n1")
    assert record.attributes == {
        "service": {"version": "1.2"},
        "log": {"file": {"line": 7}},
        "k8s": {"container": {"name": "c", "id": 5}},
    }


def test_a_text_and_an_object_of_one_name_are_two_things() -> None:
    record = record_of({"service": "a", "service.name": "b", "log": "text", "host": {"name": "h"}})
    assert (record.service, record.message, record.host) == ("a", "text", "h")
    assert record.attributes == {"service.name": "b"}


def test_a_list_is_not_looked_into() -> None:
    record = record_of({"service": [{"name": "a"}]})
    assert record.service is None
    assert record.attributes == {"service": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("key", "sent", "level", "number"),
    [
        *[("level", word, level, LEVEL_NUMBERS[level]) for word, level in LEVEL_BY_WORD.items()],
        ("level", " Warning ", "warn", 13),
        ("severity", "CRITICAL", "fatal", 21),
        ("level", 0, "fatal", 21),
        ("level", 3, "error", 17),
        ("level", 7, "debug", 5),
        ("level", 8, "debug", 8),
        ("level", 17, "error", 17),
        ("level", 30, "info", 9),
        ("level", 30.0, "info", 9),
        ("level", 60, "fatal", 21),
        ("severity", 4, "warn", 13),
        ("severity_number", 1, "trace", 1),
        ("severity_number", 4, "trace", 4),
        ("severity_number", 24, "fatal", 24),
    ],
)
def test_levels(key: str, sent: Any, level: str, number: int) -> None:
    record = record_of({key: sent})
    assert (record.level, record.level_number) == (level, number)
    assert record.attributes == {}


@pytest.mark.parametrize("sent", ["loud", "", 25, -1, 3.5, 70, True, None, ["info"], "3", 2**70])
def test_what_is_no_level_stays(sent: Any) -> None:
    line = b'{"level":%s}' % str(sent).encode() if sent == 2**70 else orjson.dumps({"level": sent})
    record = record_of(line)
    assert (record.level, record.level_number) == (None, None)
    assert record.attributes == {"level": str(sent) if sent == 2**70 else sent}


def test_severity_number_zero_and_thirty_are_no_levels() -> None:
    record = record_of({"severity_number": 30, "loglevel": "info"})
    assert (record.level, record.attributes) == ("info", {"severity_number": 30})


@pytest.mark.parametrize("sent", ["yesterday", -1, "1969-12-31T00:00:00Z", [1], {"y": 1}, False])
def test_a_time_that_cannot_be_read_stays_and_is_said(sent: Any) -> None:
    record = record_of({"ts": sent, "message": "m"})
    assert record.timestamp_ns == RECEIVED_NS
    error = record.attributes.pop("_parse_error")
    assert "'ts'" in error
    assert record.attributes == {"ts": sent}


def test_a_time_that_cannot_be_read_is_not_said_when_another_one_can() -> None:
    record = record_of({"time": "12:34:56", "date": "2023-07-21T12:34:56Z"})
    assert record.timestamp_ns == INSTANT_NS
    assert record.attributes == {"time": "12:34:56"}


def test_no_time_and_null_are_the_time_of_receipt() -> None:
    assert record_of({"@timestamp": None}).timestamp_ns == RECEIVED_NS
    assert record_of({"@timestamp": None}).attributes == {"@timestamp": None}


def test_a_parse_error_that_was_sent_stays_beside_ours() -> None:
    attributes = record_of({"ts": "x", "_parse_error": "theirs"}).attributes
    theirs, ours = attributes["_parse_error"]
    assert theirs == "theirs"
    assert "'ts'" in ours


def test_a_record_without_message_gets_its_compact_json() -> None:
    record = record_of(b'{"service": "a", "id": "7", "n": [1, 2.5, null],\t"u": "\\u00e4"}')
    assert record.message == '{"service":"a","id":"7","n":[1,2.5,null],"u":"ä"}'
    assert record.attributes == {"n": [1, 2.5, None], "u": "ä"}


@pytest.mark.parametrize("sent", ["xyz", "", "0x12", "12-34", "\uff11\uff12", 5, None])
def test_what_is_not_hexadecimal_is_no_trace(sent: Any) -> None:
    record = record_of({"trace_id": sent})
    assert record.trace_id is None
    assert record.attributes == {"trace_id": sent}


def test_the_object_attributes_is_merged_with_the_keys_that_are_left() -> None:
    record = record_of(
        {
            "attributes": {"a": 1, "both": "inner", "list": [1], "service": "inner", "id": "x"},
            "message": "m",
            "both": "outer",
            "list": 2,
            "left": None,
        }
    )
    assert record.service is None
    assert record.is_sent is False
    assert record.attributes == {
        "a": 1,
        "both": ["inner", "outer"],
        "list": [[1], 2],
        "service": "inner",
        "id": "x",
        "left": None,
    }


@pytest.mark.parametrize("sent", [5, "text", None, [{"a": 1}]])
def test_attributes_that_are_no_object_are_an_attribute(sent: Any) -> None:
    assert record_of({"attributes": sent, "b": 1}).attributes == {"attributes": sent, "b": 1}


@pytest.mark.parametrize(
    ("sent", "record_id"),
    [
        ("a", "a"),
        (7, "7"),
        (-7, "-7"),
        (0, "0"),
        (2**64 - 1, str(2**64 - 1)),
        ("x" * 512, "x" * 512),
        ("ä" * 256, "ä" * 256),
        (" ", " "),
    ],
)
def test_a_sent_id_is_kept(sent: Any, record_id: str) -> None:
    line = orjson.dumps({"id": sent, "message": "m"})
    record = record_of(line)
    assert (record.id, record.is_sent, record.first_wins) == (record_id, True, False)
    assert record.digest == blake2b(line, digest_size=16).digest()
    assert record.attributes == {}


def test_a_whole_number_of_any_size_is_an_id() -> None:
    assert (
        record_of(b'{"id":123456789012345678901234567890}').id == "123456789012345678901234567890"
    )


@pytest.mark.parametrize("sent", ["", "x" * 513, "ä" * 257, 1.5, True, None, ["a"], {"a": 1}])
def test_what_cannot_be_an_id_counts_as_not_sent_and_stays(sent: Any) -> None:
    record = record_of({"id": sent, "message": "m"})
    assert (record.id, record.is_sent, record.digest) == (uuid_text(FIRST_ID), False, b"")
    assert record.attributes == {"id": sent}


def test_the_digest_is_of_the_bytes_as_received() -> None:
    one, other = (record_of(line) for line in (b'{"id":1}', b'{"id": 1}'))
    assert one.digest != other.digest


def test_in_bulk_the_id_comes_from_beside_and_the_first_wins() -> None:
    lines = [b'{"id":"inner","message":"m"}', b'{"id":"inner"}', b"{}"]
    made = normalise(
        batch(*lines, ids=["outer", None, "x" * 513], indices=["web", None, "db"]), DEFAULT
    )
    first, second, third = made.records
    assert (first.id, first.is_sent, first.first_wins) == ("outer", True, True)
    assert first.attributes == {"id": "inner", "_index": "web"}
    assert (second.id, second.is_sent, second.first_wins) == (uuid_text(FIRST_ID + 1), False, False)
    assert second.attributes == {"id": "inner"}
    assert (third.is_sent, third.attributes) == (False, {"_index": "db", "id": "x" * 513})
    assert {record.stream for record in made.records} == {"default"}


def test_an_unknown_stream_is_named_in_the_record() -> None:
    record = record_of({"_stream": "mine"}, stream="nowhere")
    assert (record.stream, record.attributes) == ("default", {"_stream": ["mine", "nowhere"]})
    made = normalise(batch(b"{}", stream="audit"), StreamTarget("audit", 365))
    assert (made.records[0].stream, made.records[0].retention_class) == ("audit", 365)
    assert made.records[0].attributes == {}


def test_text_lines_are_messages_and_json_among_them_records() -> None:
    lines = [b"plain text", b'{"message":"json"}', b"{half", b"[1]", b"\xff", b"5"]
    records = normalise(batch(*lines, is_text=True), DEFAULT).records
    assert [record.message for record in records] == [
        *("plain text", "json", "{half", "[1]", "\ufffd", "5")
    ]
    assert all(record.attributes == {} for record in records)


def test_lines_that_cannot_be_read_go_to_quarantine_in_their_place() -> None:
    lines = [b'{"message":"a"}', b"{half", b"[1]", b'{"message":"b"}', b"fine?"]
    made = normalise(batch(*lines, bad={4: "said_so"}), DEFAULT)
    assert [record.stream for record in made.records] == [
        *("default", "_quarantine", "_quarantine", "default", "_quarantine")
    ]
    assert [record.attributes.get("reason") for record in made.records] == [
        *(None, "invalid_json", "not_an_object", None, "said_so")
    ]
    assert made.quarantined == {"invalid_json": 1, "not_an_object": 1, "said_so": 1}
    assert [record.id for record in made.records] == [uuid_text(FIRST_ID + n) for n in range(5)]


def test_an_entry_in_quarantine_keeps_what_is_needed_to_try_again() -> None:
    made = normalise(
        batch(b"\xffx" * 5000, stream="audit", ids=["7"], indices=["web"], bad={0: "invalid_utf8"}),
        DEFAULT,
    )
    (entry,) = made.records
    assert (entry.stream, entry.retention_class, entry.is_sent) == ("_quarantine", 14, False)
    assert entry.attributes == {
        "reason": "invalid_utf8",
        "source": "ndjson",
        "stream": "audit",
        "raw": "\ufffdx" * 5000,
        "sent_id": "7",
        "_index": "web",
    }
    assert entry.message == "\ufffdx" * 1000


def test_numbers_that_json_cannot_hold_are_kept_as_text() -> None:
    record = record_of(
        b'{"message":"m","a":1e400,"b":99999999999999999999,"c":[-9223372036854775809]}'
    )
    assert record.attributes == {
        "a": "1e400",
        "b": "99999999999999999999",
        "c": ["-9223372036854775809"],
    }


def test_ids_of_any_run_are_those_of_the_batch() -> None:
    for first_id in (FIRST_ID, 2**128 - 3, (FIRST_ID >> 32 << 32) + 0xFFFF_FFFE):
        whole = Batch(ACME, RECEIVED_NS, first_id, "ndjson", [b"{}"] * 3)
        assert [record.id for record in normalise(whole, DEFAULT).records] == [
            whole.id_of(index) for index in range(3)
        ]


def test_the_default_directory_rounds_days_up_to_a_class() -> None:
    assert DefaultStreams()(ACME, "any") == StreamTarget("default", 30)
    assert DefaultStreams(31)(ACME, "") == StreamTarget("default", 90)
    assert DefaultStreams(4_000)(ACME, "") == StreamTarget("default", 365)


KEYS = st.sampled_from([*(part for _, path in SOURCE_CASES for part in (path, path.split(".")[0]))])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 70)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "level", "id", "container.name"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(sent=st.dictionaries(KEYS | st.sampled_from(["id", "attributes", "x"]), VALUES, max_size=8))
def test_no_shape_is_refused_and_a_second_try_gives_the_same(sent: dict[str, Any]) -> None:
    whole = decode(encode(batch(orjson.dumps(sent))))
    made, again = normalise(whole, DEFAULT), normalise(whole, DEFAULT)
    assert made == again
    assert made.quarantined == {}
    assert orjson.dumps(made.records[0].attributes)


class TouchyLine(bytes):
    """A defect of ours meets it."""

    @override
    def lstrip(self, _characters: object = None, /) -> bytes:
        raise ZeroDivisionError(self.decode())


def test_a_line_that_a_defect_meets_goes_to_quarantine_and_the_others_do_not() -> None:
    lines = [b"plain", TouchyLine(b"secret"), b'{"message":"3"}', b"\xff"]
    touchy = batch(*lines, is_text=True, bad={3: "invalid_utf8"})
    with pytest.raises(ZeroDivisionError):
        normalise(touchy, DEFAULT)
    made = normalise_or_keep(touchy, DEFAULT)
    assert [record.message for record in made.records] == ["plain", "secret", "3", "\ufffd"]
    assert [record.id for record in made.records] == touchy.made_ids()
    assert made.quarantined == {"unexpected_error": 1, "invalid_utf8": 1}
    why = made.records[1].attributes
    assert why["reason"] == "unexpected_error"
    assert why["detail"].startswith("ZeroDivisionError in test_normalise.py, line ")
