"""A batch comes out of its bytes as it went in."""

from uuid import UUID

import pytest

from app.core.errors import Broken
from app.core.ids import OrgId, uuid7_run
from app.journal.batch import Batch, decode, encode

ACME = OrgId(UUID("01890000-0000-7000-8000-000000000001"))


def make(**changes: object) -> Batch:
    fields: dict[str, object] = {
        "org_id": ACME,
        "received_ns": 1_700_000_000_000_000_001,
        "first_id": uuid7_run(1_700_000_000_000),
        "protocol": "ndjson",
        "lines": [b'{"message":"a"}', '{"message":"\u00e9"}'.encode()],
    }
    return Batch(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "batch",
    [
        make(),
        make(lines=[]),
        make(lines=[b""]),
        make(lines=[b"", b""], is_text=True),
        make(stream="web", ids=["a", None], indices=["logs-1", None]),
        make(bad={1: "invalid_json"}, lines=[b"{}", b"\xff\xfe{"]),
    ],
)
def test_what_is_encoded_is_decoded(batch: Batch) -> None:
    assert decode(encode(batch)) == batch


def test_made_ids_count_up_from_the_first() -> None:
    batch = make()

    assert UUID(batch.id_of(0)).int + 1 == UUID(batch.id_of(1)).int


def test_an_entry_of_a_later_release_is_refused_by_its_version() -> None:
    with pytest.raises(Broken, match="version 9"):
        decode(b"\x09" + encode(make())[1:])
