"""UUIDv7 as RFC 9562 has them, and runs of them."""

from uuid import UUID

import pytest

from app.core.ids import uuid7, uuid7_floor, uuid7_run, uuid_text

NS_PER_MS = 1_000_000


def test_version_variant_and_time_stand_where_the_rfc_puts_them() -> None:
    made = uuid7(unix_ns=0x0123_4567_89AB * NS_PER_MS)

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == 0x0123_4567_89AB


def test_a_later_millisecond_sorts_after_an_earlier_one_as_text() -> None:
    now_ns = 1_700_000_000_000 * NS_PER_MS
    assert str(uuid7(unix_ns=now_ns)) < str(uuid7(unix_ns=now_ns + NS_PER_MS))


def test_within_a_millisecond_a_later_one_sorts_after_an_earlier_one_too() -> None:
    now_ns = 1_700_000_000_000 * NS_PER_MS
    made = [uuid7(unix_ns=now_ns + ns) for ns in range(0, NS_PER_MS, 250)]
    assert made == sorted(made)
    assert {one.int >> 80 for one in made} == {1_700_000_000_000}
    assert {one.version for one in made} == {7}


def test_two_calls_never_give_the_same() -> None:
    assert len({uuid7(unix_ns=1) for _ in range(1000)}) == 1000


def test_a_run_counts_up_and_stays_a_uuid7() -> None:
    for _ in range(200):
        first = uuid7_run(1_700_000_000_000)
        last = UUID(int=first + 2**31 - 1)

        assert UUID(int=first).version == last.version == 7
        assert UUID(int=first).variant == last.variant == "specified in RFC 4122"
        assert first >> 80 == last.int >> 80 == 1_700_000_000_000


def test_the_text_of_an_integer_is_the_canonical_one() -> None:
    first = uuid7_run(1)

    assert uuid_text(first) == str(UUID(int=first))
    assert uuid_text(0) == "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("unix_ms", [0, 1, 1_700_000_000_000])
def test_a_floor_lies_between_what_came_before_and_what_comes_then(unix_ms: int) -> None:
    floor = uuid7_floor(unix_ms)
    unix_ns = unix_ms * NS_PER_MS
    assert floor <= uuid7(unix_ns=unix_ns)
    assert unix_ms == 0 or uuid7(unix_ns=unix_ns - 1) < floor


def test_before_the_epoch_there_was_nothing() -> None:
    assert uuid7_floor(-1) == uuid7_floor(0)
