"""A quarantined line that is to be sent again."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid, TooLarge
from app.logs.repair import MAX_LINE_BYTES, RepairedLine, repaired_line


def test_line_breaks_between_tokens_become_spaces() -> None:
    assert repaired_line('{\r\n "message": "a\\nb"\n}\n').line == b'{   "message": "a\\nb" }'


@pytest.mark.parametrize(
    ("text", "own_id"),
    [
        ('{"id": "x"}', "x"),
        ('{"id": 7}', "7"),
        ('{"id": ""}', None),
        ('{"id": true}', None),
        ('{"id": 1.5}', None),
        ("{}", None),
        ('{"id": "' + "x" * 513 + '"}', None),
    ],
)
def test_the_senders_own_id_is_found(text: str, own_id: str | None) -> None:
    assert repaired_line(text).own_id == own_id


@pytest.mark.parametrize("text", ['{"n": NaN}', '{"n": 1e999}', '{"s": "\\ud800"}'])
def test_what_intake_reads_passes_too(text: str) -> None:
    assert repaired_line(text) == RepairedLine(text.encode(), None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_json"),
        ('{"message": "half', "invalid_json"),
        ('{"a": 1} {"b": 2}', "invalid_json"),
        ('{"message": "a\nb"', "invalid_json"),
        ("[]", "not_an_object"),
        ('"text"', "not_an_object"),
        ("\ud800", "invalid_utf8"),
        ('{"a":' * 100_000, "too_deep"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        repaired_line(text)
    assert refused.value.code == code


def test_a_record_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge) as refused:
        repaired_line('{"m": "' + "x" * MAX_LINE_BYTES + '"}')
    assert refused.value.code == "record_too_large"
