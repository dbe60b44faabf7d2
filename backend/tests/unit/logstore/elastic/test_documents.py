"""Documents that are made together are those that are made one by one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import uuid7_run, uuid_text
from app.logstore.elastic.document import document_of, key_of, keys_of
from app.logstore.elastic.documents import documents_of
from app.logstore.elastic.names import field_names
from app.logstore.types import RoutedRecord
from tests.unit.logstore.alike_records import a_record_of, alike_attributes


class Fields:
    """Maps every path but those that begin with "rest"."""

    tag = "mine"
    hidden_tag = "mine_"

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, str, str] | None] = {}
        self.used: set[str] = set()

    def decide(self, path: str) -> tuple[str, str, str] | None:
        self.names[path] = None if path.startswith("rest") else field_names(path)
        return self.names[path]

    def use(self, name: str) -> None:
        self.used.add(name)


def _alone(record: RoutedRecord, fields: Fields) -> Any:
    try:
        return _told(document_of(record, fields))
    except (TypeError, ValueError) as error:
        return repr(error)


def _told(document: bytes | Exception) -> Any:
    """What a document says: null is nothing, zero may have a sign, and text is no number."""
    if isinstance(document, Exception):
        return repr(document)
    read: dict[str, Any] = orjson.loads(document)
    return {name: repr(value) for name, value in read.items() if value is not None}


@given(attributes=alike_attributes(), data=st.data())
def test_documents_are_the_same_together_and_alone(
    attributes: list[dict[str, Any]], data: st.DataObject
) -> None:
    texts = st.none() | st.sampled_from(["a", "b", "long " * 2_000])
    records = [
        a_record_of(
            number,
            one,
            stream=data.draw(st.sampled_from(["default", "_hidden"])),
            message=data.draw(st.sampled_from(["paid", "Straße\n", "x" * 300])),
            service=data.draw(texts),
            level_number=data.draw(st.none() | st.just(9)),
            is_sent=bool(number % 2),
            digest=b"\x01" * 16 if number % 2 else b"",
        )
        for number, one in enumerate(attributes)
    ]
    together, alone = Fields(), Fields()

    assert [_told(one) for one in documents_of(records, together)] == [
        _alone(record, alone) for record in records
    ]
    assert (together.names, together.used) == (alone.names, alone.used)


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "short",
        "0" * 36,
        "01234567-89AB-7def-8012-3456789abcde",
        "01234567-89ab-4def-8012-3456789abcde",
        "01234567-89ab-7def-c012-3456789abcde",
        "01234567089ab-7def-8012-3456789abcd-",
        "0123456\uff17-89ab-7def-8012-3456789abcde",
    ],
)
def test_keys_are_the_same_together_and_alone(odd: str) -> None:
    first = uuid7_run(1_790_000_000_000)
    records = [a_record_of(0, {}, id=uuid_text(first + number)) for number in range(20)]
    for some in (
        records,
        [*records, a_record_of(0, {}, id=odd)],
        [a_record_of(0, {}, is_sent=True)],
    ):
        assert keys_of(some) == [key_of(record) for record in some]
