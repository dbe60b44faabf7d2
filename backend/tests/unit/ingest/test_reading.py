"""What JSON libraries refuse is read all the same, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.reading import MAX_NESTING, Unreadable, read_record, read_with_care, reader_of


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", "-9223372036854775809"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 5000, "9" * 5000),
        ("1e400", "1e400"),
        ("-1e400", "-1e400"),
        ("1e308", 1e308),
        ("1e-400", 0.0),
        ("123456789012345678901.5", 123456789012345678901.5),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ('"\\ud800"', "\ufffd"),
        ('"a\\udfffb"', "a\ufffdb"),
        ('"\\ud83d\\ude00"', "😀"),
        ('["\\ud800", {"\\ud800": ["\\ud800"]}]', ["\ufffd", {"\ufffd": ["\ufffd"]}]),
        ('"12345678901234567890123"', "12345678901234567890123"),
        ("[18446744073709551616, 1.5, null, true]", ["18446744073709551616", 1.5, None, True]),
    ],
)
def test_values_that_json_cannot_hold_are_kept_as_their_text(sent: str, kept: Any) -> None:
    record = read_record(b'{"a":%s}' % sent.encode())
    assert record == {"a": kept}
    assert type(record["a"]) is type(kept)
    orjson.dumps(record)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "invalid_json"),
        (b"text", "invalid_json"),
        (b'{"a":1', "invalid_json"),
        (b'{"a":1}}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"a":' * 100_000, "invalid_json"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"1e400", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"a":"\xff"}', "invalid_utf8"),
    ],
)
def test_what_is_no_object_is_named(line: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read_record(line)
    assert refusal.value.code == code
    assert refusal.value.detail


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_record(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize("depth", [MAX_NESTING + 1, 300, 1_024, 1_025, 50_000])
def test_what_is_nested_too_deep_to_be_written_is_kept_as_its_json_text(depth: int) -> None:
    inner = "[" * (depth - 1) + '"]}\\"", 1' + "]" * (depth - 1)
    record = read_record(b'{"a":%s,"b":[2]}' % inner.encode())
    orjson.dumps({"hits": [{"attributes": record}]})
    assert record["b"] == [2]
    value: Any = record["a"]
    for _ in range(MAX_NESTING - 1):
        (value,) = value
    assert value == "[" * (depth - MAX_NESTING) + '"]}\\"", 1' + "]" * (depth - MAX_NESTING)


def test_what_is_nested_just_deep_enough_stays() -> None:
    line = b'{"a":' * MAX_NESTING + b"1" + b"}" * MAX_NESTING
    assert read_record(line) == orjson.loads(line)


def test_many_brackets_next_to_each_other_are_not_deep() -> None:
    line = b'{"a":[' + b",".join([b'{"b":[1]}'] * 1000) + b"]}"
    assert read_record(line) == orjson.loads(line)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(value=st.dictionaries(st.text(), JSON, max_size=5))
def test_both_parsers_read_the_same(value: dict[str, Any]) -> None:
    line = orjson.dumps(value)
    assert read_record(line) == value
    assert read_with_care(line) == value


@given(number=st.integers(-(10**30), 10**30))
def test_no_integer_loses_a_digit(number: int) -> None:
    line = json.dumps({"a": number}).encode()
    assert str(read_record(line)["a"]) == str(number)
    assert str(reader_of([b"{}", line])(line)["a"]) == str(number)


@given(
    line=st.binary(max_size=50)
    | st.text(alphabet='{}[]",:\\ue0 1\ud800', max_size=40).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
)
def test_no_bytes_make_it_fail_otherwise(line: bytes) -> None:
    codes = {""}
    try:
        orjson.dumps(read_record(line))
    except Unreadable as refusal:
        codes = {refusal.code}
    assert codes <= {"", "invalid_json", "invalid_utf8", "not_an_object"}


@pytest.mark.parametrize(
    "line",
    [b'{"a":18446744073709551616}', b'{"a":' * 300 + b"1" + b"}" * 300, b'{"a":[{}]}', b'{"a":1}'],
)
def test_lines_that_are_read_together_are_read_as_each_alone(line: bytes) -> None:
    for others in ([b'{"b":[1]}', b'{"b":2}'], [b"no bracket"] * 1000):
        read = reader_of([others[0], line, *others[1:]])
        assert read(line) == read_record(line) == read_with_care(line)
