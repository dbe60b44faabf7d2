"""NDJSON, arrays, objects and text lines: what becomes a record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid, TooLarge
from app.ingest.protocols.ndjson import Form, read
from app.ingest.protocols.records import BodyLimits, Outcome, Records

LIMITS = BodyLimits()
SMALL = BodyLimits(record_bytes=64, records=5)


def outcomes(records: Records) -> list[tuple[int, str, Outcome]]:
    return [(error.index, error.code, error.outcome) for error in records.errors]


def test_each_line_is_kept_as_it_came() -> None:
    body = b'{"b": 1,\t"a":1.50}\n{"a":"\\u00e9"}\n'

    assert read(body, Form.LINES, LIMITS) == Records([b'{"b": 1,\t"a":1.50}', b'{"a":"\\u00e9"}'])


def test_the_last_line_needs_no_newline() -> None:
    assert read(b'{"a":1}\n{"a":2}', Form.LINES, LIMITS).lines == [b'{"a":1}', b'{"a":2}']


def test_crlf_ends_a_line_and_blank_lines_are_no_records() -> None:
    body = b'\r\n{"a":1}\r\n\n  \t\n{"a":2}\r\n\r\n'

    assert read(body, Form.LINES, LIMITS) == Records([b'{"a":1}', b'{"a":2}'])


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\t", b"\v\n\f", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("form", list(Form))
def test_an_empty_body_has_no_records(body: bytes, form: Form) -> None:
    assert read(body, form, LIMITS) == Records([])


def test_a_byte_order_mark_is_not_part_of_the_first_record() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}', Form.LINES, LIMITS) == Records([b'{"a":1}'])


@pytest.mark.parametrize(
    "line",
    [
        b'{"n":1e999}',
        b'{"n":123456789012345678901234567890}',
        b'{"s":"\\ud800"}',
        b'{"n":NaN}',
        b'{"n":' + b"9" * 5000 + b"}",
        b'{"deep":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_json_cannot_hold_is_a_record_as_it_is(line: bytes) -> None:
    assert read(line + b'\n{"a":1}\n', Form.LINES, LIMITS) == Records([line, b'{"a":1}'])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a":', "invalid_json"),
        (b"hello", "invalid_json"),
        (b'{"a":1} trailing', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b"42", "not_an_object"),
        (b'["a"]', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"deep":' + b"[" * 5000, "invalid_json"),
    ],
)
def test_a_line_that_cannot_be_read_is_kept_with_its_reason(line: bytes, code: str) -> None:
    records = read(b'{"a":1}\n\n' + line + b'\n{"a":2}\n', Form.LINES, LIMITS)

    assert records.lines == [b'{"a":1}', line, b'{"a":2}']
    assert records.bad == {1: code}
    assert outcomes(records) == [(1, code, Outcome.QUARANTINED)]


def test_a_body_of_bad_lines_alone_is_kept_too() -> None:
    records = read(b"one\ntwo\n", Form.LINES, LIMITS)

    assert records.lines == [b"one", b"two"]
    assert records.bad == {0: "invalid_json", 1: "invalid_json"}


def test_a_record_over_the_limit_is_rejected_and_the_others_go_on() -> None:
    large = b'{"a":"%b"}' % (b"x" * 57)
    records = read(b'{"a":1}\n' + large + b"\nbad\n", Form.LINES, SMALL)

    assert records.lines == [b'{"a":1}', b"bad"]
    assert records.bad == {1: "invalid_json"}
    assert outcomes(records) == [
        (1, "record_too_large", Outcome.REJECTED),
        (2, "invalid_json", Outcome.QUARANTINED),
    ]
    assert records.errors[0].detail == "a record may have 64 bytes, this one has 65"


def test_a_record_of_exactly_the_limit_is_taken() -> None:
    line = b'{"a":"%b"}' % (b"x" * 56)

    assert read(line + b"\n", Form.LINES, SMALL) == Records([line])


@pytest.mark.parametrize("form", [Form.LINES, Form.TEXT])
def test_more_records_than_a_request_may_have_are_refused_as_a_whole(form: Form) -> None:
    assert len(read(b"{}\n" * 5, form, SMALL).lines) == 5
    with pytest.raises(TooLarge, match="may have 5 records"):
        read(b"{}\n" * 6, form, SMALL)


def test_more_elements_than_a_request_may_have_are_refused_as_a_whole() -> None:
    assert len(read(b"[" + b"{}," * 4 + b"{}]", Form.JSON, SMALL).lines) == 5
    with pytest.raises(TooLarge, match="may have 5 records"):
        read(b"[" + b"{}," * 5 + b"{}]", Form.JSON, SMALL)


@pytest.mark.parametrize("form", [Form.JSON, Form.LINES, Form.UNKNOWN])
@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":1},{"b":[1,{"c":null}]}]',
        b' [ {"a":1} , {"b":[1,{"c":null}]} ]\n',
        b'[\n  {"a":1},\n  {"b":[1,{"c":null}]}\n]\n',
    ],
)
def test_an_array_is_taken_apart_whatever_it_is_called(body: bytes, form: Form) -> None:
    assert read(body, form, LIMITS) == Records([b'{"a":1}', b'{"b":[1,{"c":null}]}'])


def test_elements_of_an_array_keep_what_json_libraries_would_change() -> None:
    elements = [b'{"n":123456789012345678901234567890}', b'{"f":1.50,"e":1E2}', b'{"s":"\\ud800"}']

    assert read(b"[" + b",".join(elements) + b"]", Form.JSON, LIMITS) == Records(elements)


def test_an_element_over_several_lines_becomes_one_line() -> None:
    body = b'[{\r\n  "a": 1\n}]'
    long = b'[{\r\n  "a": 1234567890123456789\n}]'

    assert read(body, Form.JSON, LIMITS) == Records([b'{"a":1}'])
    assert read(long, Form.JSON, LIMITS) == Records([b'{    "a": 1234567890123456789 }'])


def test_elements_that_are_no_objects_are_kept_with_their_reason() -> None:
    records = read(b'[{"a":1},2,"x"]', Form.JSON, LIMITS)

    assert records.lines == [b'{"a":1}', b"2", b'"x"']
    assert records.bad == {1: "not_an_object", 2: "not_an_object"}


def test_an_element_over_the_limit_is_rejected_and_the_others_go_on() -> None:
    large = b'{"a":"%b"}' % (b"x" * 57)
    records = read(b'[{"a":1},' + large + b',{"b":2}]', Form.JSON, SMALL)

    assert records.lines == [b'{"a":1}', b'{"b":2}']
    assert outcomes(records) == [(1, "record_too_large", Outcome.REJECTED)]


@pytest.mark.parametrize(
    "body",
    [b"[", b"[{]", b'[{"a":1}', b'[{"a":1},]', b'[{"a":1}] x', b'[{"a":1} {"b":2}]', b"{", b"x"],
)
def test_json_that_cannot_be_read_as_a_whole_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="the body is not JSON"):
        read(body, Form.JSON, LIMITS)


def test_a_json_scalar_is_refused() -> None:
    with pytest.raises(Invalid, match="a record is a JSON object"):
        read(b"42", Form.JSON, LIMITS)


def test_lines_called_json_are_lines_as_soon_as_one_can_be_read() -> None:
    records = read(b'{"a":1}\nbad\n', Form.JSON, LIMITS)

    assert records.lines == [b'{"a":1}', b"bad"]
    assert records.bad == {1: "invalid_json"}


@pytest.mark.parametrize("form", [Form.JSON, Form.LINES, Form.UNKNOWN])
def test_objects_spread_over_lines_are_taken_as_such(form: Form) -> None:
    body = b'{\n  "a": 1\n}\n{\n  "b": {\n "c": 2 }\n}\n'

    assert read(body, form, LIMITS) == Records([b'{   "a": 1 }', b'{   "b": {  "c": 2 } }'])


def test_text_lines_become_messages() -> None:
    body = 'Jan  1 host app: started "x" \\ é\n  at java.lang.Thread\r\n\n'.encode()

    assert [json.loads(line) for line in read(body, Form.TEXT, LIMITS).lines] == [
        {"message": 'Jan  1 host app: started "x" \\ é'},
        {"message": "  at java.lang.Thread"},
    ]


def test_json_objects_among_text_lines_stay_records() -> None:
    records = read(b'{"a":1}\n{not json}\n[1]\n', Form.TEXT, LIMITS)

    assert records == Records([b'{"a":1}', b'{"message":"{not json}"}', b'{"message":"[1]"}'])


def test_text_that_is_not_utf8_is_kept_with_its_reason() -> None:
    records = read(b"caf\xe9\nfine\n", Form.TEXT, LIMITS)

    assert records.lines == [b"caf\xe9", b'{"message":"fine"}']
    assert records.bad == {0: "invalid_utf8"}


@pytest.mark.parametrize("body", [b"plain words\n", b"[2024-01-01] plain words\n"])
def test_what_nobody_called_json_and_does_not_look_like_it_is_text(body: bytes) -> None:
    (line,) = read(body, Form.UNKNOWN, LIMITS).lines

    assert json.loads(line) == {"message": body.decode().strip()}


def test_values_are_found_across_the_borders_of_the_window() -> None:
    elements = [b'{"text":"%b","n":%d}' % ("é€😀".encode() * 20_000, n) for n in range(40)]
    body = b"[\n" + b" ,\n".join(elements) + b"]"

    assert len(body) > 6 << 20
    assert read(body, Form.JSON, LIMITS) == Records(elements)


def test_an_element_larger_than_the_window_is_passed_over() -> None:
    large = b'{"text":"%b","more":[{},{"a":"]}"}]}' % (b'x\\"{' * 1_000_000)
    records = read(b'[{"a":1},' + large + b',{"b":2}]', Form.JSON, LIMITS)

    assert records.lines == [b'{"a":1}', b'{"b":2}']
    assert outcomes(records) == [(1, "record_too_large", Outcome.REJECTED)]
    assert str(len(large)) in records.errors[0].detail


def test_an_element_without_end_is_refused_also_behind_the_window() -> None:
    body = b'[{"a":1},{"text":"' + b"x" * (5 << 20)

    with pytest.raises(Invalid, match="a value has no end"):
        read(body, Form.JSON, LIMITS)


@pytest.mark.parametrize("depth", [240, 300, 1000, 3000])
def test_a_deep_element_of_an_array_is_a_record(depth: int) -> None:
    deep = b'{"deep":' + b"[" * depth + b"]" * depth + b"}"

    assert read(b"[" + deep + b',{"a":1}]', Form.JSON, LIMITS) == Records([deep, b'{"a":1}'])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=4)


styles = st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (",", ":")}])


@settings(max_examples=100, deadline=None)
@given(st.lists(json_objects, max_size=5), styles)
def test_any_array_gives_the_objects_that_are_in_it(
    objects: list[dict[str, object]], style: dict[str, Any]
) -> None:
    records = read(json.dumps(objects, **style).encode("utf-8", "surrogatepass"), Form.JSON, LIMITS)

    assert not records.errors
    assert [json.dumps(json.loads(line)) for line in records.lines] == [
        json.dumps(one) for one in objects
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(Form)))
def test_any_bytes_are_read_or_refused_and_nothing_is_lost(body: bytes, form: Form) -> None:
    try:
        records = read(body, form, LIMITS)
    except Invalid:
        assert form is Form.JSON
        return
    assert not any(b"\n" in line for line in records.lines)
    assert len(records.bad) == len(records.errors)
    if not body.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\v\f"):
        assert records.lines == []
