"""What is left of a filter to find places with: the same places, for less work."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.logs.highlighting import pointing_parts, spans_of_hits
from app.logstore.memory.highlight import highlight
from app.logstore.memory.matcher import matcher
from app.logstore.memory.store import stored
from app.logstore.types import StoredRecord
from app.query.fields import LEVEL, SERVICE
from app.query.filters import And, Equals, Everything, Filter, Not, Or, Tokens
from tests.conformance.records import a_record

A, B, C = (Tokens((word,)) for word in "abc")
LONG = Tokens(("a" * 255, "a"))
ERRORS, CHECKOUT = Equals(LEVEL, ("error",)), Equals(SERVICE, ("checkout",))

LEAVES: st.SearchStrategy[Filter] = st.sampled_from(
    [
        A,
        B,
        C,
        Tokens(("a", "b")),
        Tokens(("a", "b", "a")),
        Tokens(("é",)),
        LONG,
        ERRORS,
        CHECKOUT,
        Everything(),
    ]
)


def branches(children: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(children, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, children) | st.builds(And, several) | st.builds(Or, several)


FILTERS: st.SearchStrategy[Filter] = st.recursive(LEAVES, branches, max_leaves=10)
WORDS = st.sampled_from(["a", "B", "c", "ab", "é", "A" * 255, "a" * 256])
GAPS = st.sampled_from([" ", "-", "_", ", ", "\n", "\0", "…", "ö"])
MESSAGES = st.lists(WORDS | GAPS, max_size=12).map("".join)
RECORDS = st.builds(
    a_record,
    MESSAGES | st.lists(st.sampled_from("aBcd"), max_size=6).map(" ".join),
    level=st.sampled_from(["error", "info"]),
    service=st.sampled_from(["checkout", "search"]),
).map(stored)


@pytest.mark.parametrize(
    ("filter_", "parts"),
    [
        (Everything(), ()),
        (ERRORS, ()),
        (And((ERRORS, Not(A))), ()),
        (And((ERRORS, A)), (A,)),
        (And((ERRORS, A, And((B, CHECKOUT)))), (A, B)),
        (Or((ERRORS, A)), (A,)),
        (Or((ERRORS, And((CHECKOUT, A)))), (And((CHECKOUT, A)),)),
        (And((A, Or((B, ERRORS)))), (A, B)),
    ],
)
def test_what_cannot_point_is_left_out(filter_: Filter, parts: tuple[Filter, ...]) -> None:
    assert pointing_parts(filter_) == parts


@settings(max_examples=300)
@given(FILTERS, st.lists(RECORDS, max_size=5))
@example(Or((ERRORS, And((A, B)))), [stored(a_record("a", level="error"))])
@example(And((A, Or((B, ERRORS)))), [stored(a_record("a", level="error"))])
def test_the_places_stay_the_same(filter_: Filter, records: list[StoredRecord]) -> None:
    hits = [record for record in records if matcher(filter_)(record)]
    assert spans_of_hits(filter_, hits) == tuple(highlight(filter_, hit) for hit in hits)


def test_places_that_overlap_are_one() -> None:
    record = stored(a_record("a b a b a, then a"))
    assert spans_of_hits(Tokens(("a", "b", "a")), [record]) == ([(0, 9)],)
