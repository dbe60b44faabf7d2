"""Entries and rows that are made together are those that are made one by one."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.logstore.alike import FEWEST
from app.logstore.embedded.document import index_entry, source_row
from app.logstore.embedded.documents import index_entries, source_rows
from app.logstore.embedded.state import OrgFields
from app.logstore.schema import leaves_of
from app.logstore.types import RoutedRecord
from tests.unit.logstore.alike_records import ACME, a_record_of, alike_attributes

FIRST_REF = 1_000


def _fields() -> OrgFields:
    """Maps the first paths that come."""
    return OrgFields(ACME, 3, ["a", "a.x"])


@given(attributes=alike_attributes(), data=st.data())
def test_entries_and_rows_are_the_same_together_and_alone(
    attributes: list[dict[str, Any]], data: st.DataObject
) -> None:
    texts = st.none() | st.sampled_from(["a", "long " * 2_000])
    records = [
        a_record_of(
            number,
            one,
            id=data.draw(st.sampled_from(["x", "x [y]", "*"])),
            stream=data.draw(st.sampled_from(["default", "_hidden"])),
            message=data.draw(st.sampled_from(["paid", "Straße\n", "x" * 300])),
            service=data.draw(texts),
            trace_id=data.draw(texts),
            level_number=data.draw(st.none() | st.just(9)),
        )
        for number, one in enumerate(attributes)
    ]
    alone = _fields()
    by_itself = [_alone(record, FIRST_REF + place, alone) for place, record in enumerate(records)]
    together = _fields()
    entries = index_entries(records, FIRST_REF, together)
    rows = source_rows(records)

    for place, record in enumerate(records):
        if entries[place] is not None:
            assert repr(_read(entries[place])) == repr(_read(by_itself[place]))
        if rows is not None:
            assert rows[place] == source_row(record, ())
    assert {path: is_in for path, is_in in together.mapped.items() if is_in} == {
        path: alone.mapped[path] for path, is_in in together.mapped.items() if is_in
    }


def _alone(record: RoutedRecord, ref: int, fields: OrgFields) -> Any:
    try:
        return index_entry(record, leaves_of(record.attributes)[0], ref, None, fields)
    except ValueError:
        return "not storable"


def _read(entry: Any) -> Any:
    read = orjson.loads(entry) if isinstance(entry, str) else dict(entry)
    return {name: read[name] for name in sorted(read)}


def test_records_that_have_the_same_are_made_together_and_the_odd_one_is_not() -> None:
    usual = [
        a_record_of(
            number, {"a": number / 8, "b": {"c": True}}, service="x" if number % 2 else None
        )
        for number in range(2 * FEWEST)
    ]
    odd = a_record_of(99, {"a": 0.1 + 0.2, "b": {"c": True}})

    assert None not in index_entries(usual, 0, _fields())
    assert index_entries([*usual, odd], 0, _fields()).count(None) == 1
    assert source_rows([*usual, odd]) is not None
