"""Documents that are made together are those that are made one by one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import OrgId, uuid7, uuid7_run, uuid_text
from app.logstore.alike import FEWEST, alike
from app.logstore.elastic.document import document_of, key_of, keys_of
from app.logstore.elastic.documents import documents_of
from app.logstore.elastic.names import field_names
from app.logstore.schema import leaves_of
from app.logstore.types import RoutedRecord
from app.query.words import index_text

ACME = OrgId(UUID(int=1))
# Its table is made once, which takes longer than an example may.
index_text("é")


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


_TEXTS = st.sampled_from(["", "a", "é", 'say "hi"', "a\n\\", "\x00", "\ud800", "long " * 2_000])
_NUMBERS = st.sampled_from(
    [0, 1, -1, 2**53, 2**53 + 1, -(2**63), 2**64, 0.0, -0.0, 0.5, 1e300, float("nan"), float("inf")]
)
_SCALARS = _TEXTS | _NUMBERS | st.booleans() | st.none()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2)
    ),
    max_leaves=4,
)
_KEYS = ["a", "a.x", "rest", "rest.y", "status", "odd*", "", "z."]


@st.composite
def _alike_attributes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Attributes of which many have the same keys, and most the same kinds of values."""
    shapes = draw(st.lists(st.lists(st.sampled_from(_KEYS), unique=True), min_size=1, max_size=2))
    usual = draw(st.fixed_dictionaries(dict.fromkeys(_KEYS, _VALUES)))
    made = []
    for _ in range(draw(st.integers(FEWEST, 2 * FEWEST + 2))):
        one = {key: usual[key] for key in draw(st.sampled_from(shapes))}
        odd = draw(st.lists(st.sampled_from(sorted(one)), max_size=1)) if one else []
        one.update({key: draw(_VALUES) for key in odd})
        made.append(one)
    return made


def _record(number: int, attributes: dict[str, Any], **others: Any) -> RoutedRecord:
    values: dict[str, Any] = {
        **dict.fromkeys(RoutedRecord._fields),
        "org_id": ACME,
        "retention_class": 30,
        "stream": "default",
        "id": uuid_text(uuid7().int + number),
        "is_sent": False,
        "first_wins": False,
        "digest": b"",
        "observed_ns": 1_790_000_000_000_000_000,
        "timestamp_ns": 1_790_000_000_123_456_789 + number,
        "message": "paid",
        "attributes": attributes,
    }
    return RoutedRecord(**{**values, **others})


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


@given(attributes=_alike_attributes(), data=st.data())
def test_documents_are_the_same_together_and_alone(
    attributes: list[dict[str, Any]], data: st.DataObject
) -> None:
    texts = st.none() | st.sampled_from(["a", "b", "long " * 2_000])
    records = [
        _record(
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


@given(attributes=_alike_attributes())
def test_columns_hold_the_leaves_of_their_records(attributes: list[dict[str, Any]]) -> None:
    for places, columns in alike(attributes):
        for row, place in enumerate(places):
            leaves = [(column.path, column.values[row]) for column in columns]
            assert repr((leaves, ())) == repr(leaves_of(attributes[place]))
            assert all(type(column.values[row]) is column.kind for column in columns)


def test_records_of_two_shapes_are_two_groups_and_the_odd_one_is_in_none() -> None:
    one, two = {"a": {"b": 1}, "c": "x"}, {"a": {"b": 1.5}, "c": None}
    attributes: list[dict[str, Any]] = [one, two] * FEWEST + [{"a": [1], "c": "x"}]

    groups = [(list(group.places), len(group.columns)) for group in alike(attributes)]

    assert groups == [(list(range(0, 16, 2)), 2), (list(range(1, 16, 2)), 1)]


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
    records = [_record(0, {}, id=uuid_text(first + number)) for number in range(20)]
    for some in (records, [*records, _record(0, {}, id=odd)], [_record(0, {}, is_sent=True)]):
        assert keys_of(some) == [key_of(record) for record in some]
