"""A record that cannot be stored never stops the others, and the report accounts for each one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.records import a_record, a_sent_record
from tests.conformance.stores import Store

UNSTORABLE: dict[str, dict[str, Any]] = {
    "half a code point in the message": {"message": "\ud800"},
    "half a code point in a keyword": {"service": "\udfff"},
    "half a code point in a value": {"attributes": {"a": "\ud800"}},
    "half a code point in a key": {"attributes": {"\ud800": 1}},
    "half a code point in an id": {"id": "\ud800"},
    "not a number": {"attributes": {"a": float("nan")}},
    "infinite": {"attributes": {"a": [float("inf")]}},
    "an integer beyond doubles": {"attributes": {"a": 10**400}},
    "an integer beyond doubles, deep down": {"attributes": {"a": [[[[10**400]]]]}},
    "no JSON at all": {"attributes": {"a": object()}},
}


@pytest.mark.parametrize("bad", UNSTORABLE.values(), ids=UNSTORABLE)
def test_a_bad_record_is_stored_or_reported_and_the_others_are_found(
    store: Store, bad: dict[str, Any]
) -> None:
    records = [a_record("before"), a_record(**{"message": "bad", **bad}), a_sent_record("after")]
    report = store.add(*records)
    assert report.repeated == 0
    assert report.stored + len(report.rejected) == 3
    assert all(rejected.index == 1 and rejected.code for rejected in report.rejected)
    ids = store.ids()
    assert records[0].id in ids
    assert "after" in ids
    assert len(ids) == report.stored
