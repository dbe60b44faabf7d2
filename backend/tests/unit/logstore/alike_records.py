"""Attributes of which many are alike, and records that have them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from app.core.ids import OrgId, uuid7, uuid_text
from app.logstore.alike import FEWEST
from app.logstore.types import RoutedRecord
from app.query.words import index_text

ACME = OrgId(UUID(int=1))
# Its table is made once, which takes longer than an example may.
index_text("é")

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
def alike_attributes(draw: st.DrawFn) -> list[dict[str, Any]]:
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


def a_record_of(number: int, attributes: dict[str, Any], **others: Any) -> RoutedRecord:
    """A record with an id of ours, the later the greater its number."""
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
