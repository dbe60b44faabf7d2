"""Taking bodies apart in pieces and windows gives what taking them apart at once gives."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from app.ingest.protocols.json_text import first_byte, split_lines

few_letters = st.text("ab\n", max_size=30).map(str.encode)


@given(few_letters, st.integers(0, 5))
@example(b"a\n\n", 1)
@example(b"\n\n", 0)
def test_lines_are_the_same_in_pieces_of_any_size(body: bytes, piece_bytes: int) -> None:
    expected = body.split(b"\n")
    if not expected[-1]:
        expected.pop()

    assert split_lines(body, piece_bytes) == expected


def test_one_carriage_return_belongs_to_the_line_end() -> None:
    assert split_lines(b"a\r\nb\rc\r\r\n\r\n") == [b"a", b"b\rc\r", b""]


def test_white_space_is_no_first_byte() -> None:
    assert first_byte(b" \t\r\n\v\f{") == b"{"
    assert first_byte(b" \n") == b""
