"""Classes of characters as Lucene reads them, in both of the versions that there are."""

from __future__ import annotations

import re

import pytest

from app.logstore.elastic.regex import printed
from app.query.patterns import OneOf

# Elasticsearch 9 reads `\!-a` as three characters.
ESCAPED_END = re.compile(r"\\.-[^\]]|[^\\]-\\")


@pytest.mark.parametrize("first", range(128))
def test_ranges_hold_what_they_say_and_begin_and_end_with_no_escape(first: int) -> None:
    for last in (*range(first, 129), 0x2FF, 0x10FFFF):
        shown = printed(OneOf(((first, last),), negated=False))
        assert shown is not None
        assert not ESCAPED_END.search(shown.replace("\\\\", "").replace("\\-", "")), shown
        found = {point for point in range(0x300) if re.fullmatch(shown, chr(point), re.DOTALL)}
        assert found == set(range(first, min(last, 0x2FF) + 1)), shown


@pytest.mark.parametrize(("ranges", "shown"), [(((33, 122),), "0-z"), (((97, 97),), "[a]")])
def test_ranges_are_short(ranges: tuple[tuple[int, int], ...], shown: str) -> None:
    assert shown in (printed(OneOf(ranges, negated=False)) or "")
