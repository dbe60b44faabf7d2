"""A batch comes out of its bytes as it went in."""

from uuid import UUID

import pytest

from app.core.errors import Broken
from app.core.ids import OrgId, uuid7_run
from app.journal.batch import Again, Batch, decode, encode

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
        make(bad={0: "unexpected_error"}, detail="ValueError", again=Again(7, 8)),
    ],
)
def test_what_is_encoded_is_decoded(batch: Batch) -> None:
    assert decode(encode(batch)) == batch


def test_the_parts_of_a_batch_become_the_same_records() -> None:
    lines = [b"0", b"1", b"2", b"3", b"4"]
    batch = make(
        lines=lines, ids=[None, "a", "b", "c", "d"], indices=[*"vwxyz"], bad={0: "x", 3: "y"}
    )
    parts = [batch.part(0, 2), batch.part(2, 4), batch.part(4, 6)]
    assert [line for part in parts for line in part.lines] == lines
    assert [id_ for part in parts for id_ in part.ids or ()] == batch.ids
    assert [index for part in parts for index in part.indices or ()] == batch.indices
    assert [part.bad for part in parts] == [{0: "x"}, {1: "y"}, {}]
    assert [id_ for part in parts for id_ in part.made_ids()] == batch.made_ids()


def test_made_ids_count_up_from_the_first() -> None:
    batch = make()

    assert UUID(batch.id_of(0)).int + 1 == UUID(batch.id_of(1)).int


def test_an_entry_of_a_later_release_is_refused_by_its_version() -> None:
    with pytest.raises(Broken, match="version 9"):
        decode(b"\x09" + encode(make())[1:])
