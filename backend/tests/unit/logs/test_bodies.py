"""Lists say when they are not of all records, and say nothing else of it."""

from __future__ import annotations

from app.logs.api.bodies import fields_body, values_body
from app.logstore.types import FieldList, ValueList


def test_a_list_that_is_not_of_all_records_says_why() -> None:
    broken = ("3d-pool0/2026-11-20",)
    fields = fields_body(FieldList((), 0, timed_out=True, skipped=broken))
    assert (fields["timed_out"], fields["skipped"]) == (True, broken)
    values = values_body(ValueList((), 0, 0, 0, skipped=broken))
    assert values["skipped"] == broken
    assert "timed_out" not in values


def test_a_list_of_all_records_has_no_more_to_say() -> None:
    assert fields_body(FieldList((), 0)) == {"fields": [], "total": 0}
    assert values_body(ValueList((), 0, 0, 0)).keys() == {"values", "other", "missing", "distinct"}
