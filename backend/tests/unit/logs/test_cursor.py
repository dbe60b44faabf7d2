"""Cursors: what goes in comes out, and nothing else is accepted."""

from __future__ import annotations

import hmac
import struct
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.ids import OrgId
from app.logs.cursor import (
    CURSOR_LIFETIME_SECONDS,
    MAX_CURSOR_CHARACTERS,
    AskedText,
    Cursor,
    open_cursor,
    seal,
)
from app.logstore.types import SortKey, TimeRange

KEY = b"k" * 32
ACME = OrgId(UUID(int=1))
GLOBEX = OrgId(UUID(int=2))
NOW_S = 1_700_000_000

TEXT = st.text(st.characters(exclude_categories=(), exclude_characters="\0"))


def cursor_of(asked: AskedText | bytes, record_id: str = "r1") -> Cursor:
    return Cursor(
        asked=asked,
        is_descending=True,
        now_ns=NOW_S * 1_000_000_000,
        range=TimeRange(0, 2**63 - 1),
        page_size=1_000,
        after=SortKey(1_700_000_000_123_456_789, record_id, 1_700_000_001_987_654_321),
        expires_at_s=NOW_S + CURSOR_LIFETIME_SECONDS,
    )


def opened(text: str, *, org_id: OrgId = ACME, now_s: int = NOW_S) -> Cursor:
    return open_cursor(text, keys=(KEY,), org_id=org_id, now_s=now_s)


@given(query=TEXT, stream=st.none() | TEXT, record_id=TEXT.filter(lambda t: len(t) <= 100))
def test_a_cursor_opens_to_what_was_sealed(query: str, stream: str | None, record_id: str) -> None:
    cursor = cursor_of(AskedText(query, stream), record_id)
    text, is_held = seal(cursor, key=KEY, org_id=ACME)
    assert not is_held
    assert opened(text) == cursor


def test_the_longest_query_and_id_fit_as_a_digest() -> None:
    asked = AskedText("".join(chr(0x4E00 + i * 7 % 20_000) for i in range(10_000)), "s" * 255)
    cursor = cursor_of(asked, "\u00e9" * 256)
    text, is_held = seal(cursor, key=KEY, org_id=ACME)
    assert is_held
    assert len(text) <= MAX_CURSOR_CHARACTERS
    again = opened(text)
    assert again.asked == asked.digest()
    assert again.after == cursor.after


def test_a_long_query_of_few_words_needs_no_digest() -> None:
    asked = AskedText("service:checkout OR " * 400 + "x", "default")
    text, is_held = seal(cursor_of(asked), key=KEY, org_id=ACME)
    assert not is_held
    assert opened(text).asked == asked


def test_stream_and_query_cannot_be_confused_in_a_digest() -> None:
    assert AskedText("ab", "c").digest() != AskedText("b", "ca").digest()


def test_a_strangers_cursor_is_refused() -> None:
    text, _ = seal(cursor_of(AskedText("q", None)), key=KEY, org_id=ACME)
    with pytest.raises(Invalid) as refused:
        opened(text, org_id=GLOBEX)
    assert refused.value.code == "cursor_invalid"


def test_every_changed_byte_is_noticed() -> None:
    text, _ = seal(cursor_of(AskedText("level:error", None)), key=KEY, org_id=ACME)
    sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Invalid) as refused:
            opened(urlsafe_b64encode(changed).rstrip(b"=").decode())
        assert refused.value.code == "cursor_invalid"


@pytest.mark.parametrize(
    "text", ["", "x", "not a cursor", "é", "A" * 1_025, "A" * 1_001, "=", "AAAA"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        opened(text)
    assert refused.value.code == "cursor_invalid"


def test_a_cursor_lives_to_its_last_second() -> None:
    text, _ = seal(cursor_of(AskedText("q", None)), key=KEY, org_id=ACME)
    last = NOW_S + CURSOR_LIFETIME_SECONDS
    assert opened(text, now_s=last).page_size == 1_000
    with pytest.raises(Invalid) as refused:
        opened(text, now_s=last + 1)
    assert refused.value.code == "cursor_expired"


@pytest.mark.parametrize(("is_descending", "observed_ns"), [(True, -(2**63)), (False, 2**63 - 1)])
def test_a_cursor_of_before_receive_times_goes_on_behind_all_records_of_its_id(
    *, is_descending: bool, observed_ns: int
) -> None:
    cursor = replace(cursor_of(AskedText("level:error", "audit")), is_descending=is_descending)
    header = struct.pack(
        "<BBHIqqqqH",
        1,
        2 + is_descending,
        cursor.page_size,
        cursor.expires_at_s,
        cursor.now_ns,
        cursor.range.from_ns,
        cursor.range.to_ns,
        cursor.after.timestamp_ns,
        2,
    )
    payload = header + b"r1" + zlib.compress(b"audit\0level:error", 9, -zlib.MAX_WBITS)
    mac = hmac.digest(KEY, ACME.bytes + payload, "sha256")[:16]
    again = opened(urlsafe_b64encode(mac + payload).rstrip(b"=").decode())
    after = replace(cursor, after=cursor.after._replace(observed_ns=observed_ns))
    assert again == after


def test_a_cursor_of_the_key_before_still_opens() -> None:
    cursor = cursor_of(AskedText("q", None))
    text, _ = seal(cursor, key=b"old", org_id=ACME)
    assert open_cursor(text, keys=(KEY, b"old"), org_id=ACME, now_s=NOW_S) == cursor
