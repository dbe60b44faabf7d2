"""What words, phrases and patterns find in `message`."""

from __future__ import annotations

import pytest

from app.query.filters import (
    TokenMatches,
    Tokens,
)
from app.query.patterns import (
    ANY_RUN,
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
)
from tests.conformance.stores import Store


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["connection"], ["a", "b", "d"]),
        (["connection", "refused"], ["a", "d"]),
        (["refused", "connection"], ["b"]),
        (["connection", "connection"], []),
        (["10", "0", "0", "7"], ["c"]),
        (["0", "0"], ["c"]),
        (["conn"], []),
        (["écran"], ["e"]),
        (["日本"], ["e"]),
        (["ß"], ["e"]),
    ],
)
def test_tokens_are_next_to_each_other_in_order(
    store: Store, tokens: list[str], expected: list[str]
) -> None:
    store.add_messages(
        a="Connection REFUSED by peer",
        b="refused: connection",
        c="from 10.0.0.7",
        d="connection\n\trefused",
        e="ÉCRAN 日本 ß_x",
        f="",
    )
    assert store.ids(Tokens(tuple(tokens))) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (Sequence((Text("time"), ANY_RUN)), ["a", "b", "c"]),
        (Sequence((ANY_RUN, Text("out"))), ["a", "c"]),
        (Sequence((Text("t"), AnyCodePoint(), Text("me"))), ["c"]),
        (Repeat(OneOf(((48, 57),), negated=False), 2, None), ["d"]),
        (Either((Text("timer"), Text("n42"))), ["b", "d"]),
        (Sequence((AnyCodePoint(), AnyCodePoint())), ["d", "e"]),
        (Empty(), []),
    ],
)
def test_a_token_pattern_matches_whole_single_tokens(
    store: Store, pattern: Pattern, expected: list[str]
) -> None:
    store.add_messages(a="Timeout!", b="TIMER", c="time out timeouts", d="n42 and 42", e="日本")
    assert store.ids(TokenMatches(pattern)) == expected
