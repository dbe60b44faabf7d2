"""Ranges of numbers, asked of a real index: every kind of bound against every kind of number."""

from __future__ import annotations

import math
from itertools import product

import pytest
import tantivy

from app.logstore.embedded.ranges import Bounds, number_pieces, number_range_text

_EDGES = (0.0, 5e-324, 0.5, 5.0, 5.5, 2.0**52 - 0.5, 2.0**52, 2.0**53, 2.0**63, 2.0**64, 1e300)
NUMBERS = sorted(
    {
        sign * near
        for edge in _EDGES
        for near in (edge, math.nextafter(edge, math.inf), math.nextafter(edge, 0))
        for sign in (1, -1)
    }
)
BOUNDS = [None, -math.inf, *NUMBERS[::2], math.inf]


@pytest.fixture(scope="module")
def index() -> tantivy.Index:
    """One document for each number."""
    builder = tantivy.SchemaBuilder()
    builder.add_json_field("attributes", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("number", fast=True)
    schema = builder.build()
    made = tantivy.Index(schema)
    writer = made.writer(15_000_000, 1)
    for number, value in enumerate(NUMBERS):
        # As JSON text some of them would be read as a neighbour.
        fields = {"attributes": {"x": value + 0.0}, "number": number}
        writer.add_document(tantivy.Document.from_dict(fields, schema))
    writer.commit()
    made.reload()
    return made


@pytest.mark.parametrize(
    ("includes_lower", "includes_upper"), list(product((True, False), repeat=2))
)
def test_the_pieces_find_exactly_the_numbers_between(
    index: tantivy.Index, *, includes_lower: bool, includes_upper: bool
) -> None:
    searcher = index.searcher()
    for lower, upper in product(BOUNDS, BOUNDS):
        if lower is None and upper is None:
            continue
        found: set[float] = set()
        for piece in number_pieces(Bounds(lower, upper, includes_lower, includes_upper)):
            query = index.parse_query(number_range_text("attributes.x", piece))
            hits = searcher.search(query, 1000).hits
            places = searcher.fast_field_values("number", [address for _, address in hits])
            found |= {NUMBERS[int(place or 0)] for place in places}
        assert found == {
            number
            for number in NUMBERS
            if (lower is None or number > lower or (includes_lower and number == lower))
            and (upper is None or number < upper or (includes_upper and number == upper))
        }
