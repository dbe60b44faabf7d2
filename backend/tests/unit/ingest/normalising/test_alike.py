"""Records that are normalised together become what each becomes by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import OrgId, uuid7, uuid7_run
from app.ingest.directory import StreamTarget
from app.ingest.normalising.alike import FEWEST, normalise_alike
from app.ingest.normalising.normalise import normalise
from app.journal.batch import Batch

TARGET = StreamTarget("default", 30)
RECEIVED_NS = 1_790_000_000_000_000_000
RECORD = {
    "@timestamp": "2023-07-21T12:34:56.123456Z",
    "level": "INFO",
    "service": "checkout",
    "host": {"name": "a", "ip": "10.0.0.1"},
    "message": "paid",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "user": {"id": 7},
    "status": 200,
}

_TEXTS = st.sampled_from(["", "a", "INFO", "warn", "0AF7", "0af7", "é", "12", "2023-07-21"])
_TIMES = st.sampled_from(
    [
        "2023-07-21T12:34:56.123456Z",
        "2023-07-21T12:34:56.123Z",
        "2023-07-21T12:34:56.999999Z",
        "2023-07-21T12:34:56.12345\u0663Z",
        "2023-07-21T12:34:56+02:00",
        "2262-04-11T23:47:16.854776Z",
        "1969-12-31T23:59:59.000000Z",
        "yesterday",
        1_690_000_000,
        1_690_000_000.25,
        -1,
        None,
    ]
)
_SCALARS = _TEXTS | st.integers(-1, 30) | st.floats(0, 30) | st.booleans() | st.none()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "id", "level", "origin"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_KEYS = [
    "@timestamp",
    "time",
    "date",
    "message",
    "msg",
    "log",
    "level",
    "severity",
    "severity_number",
    "service",
    "app",
    "host",
    "hostname",
    "environment",
    "logger",
    "trace_id",
    "traceId",
    "trace",
    "span_id",
    "id",
    "attributes",
    "_index",
    "_stream",
    "user",
    "status",
]


@st.composite
def _alike_lines(draw: st.DrawFn) -> list[bytes]:
    """Lines of which many have the same keys, and most the same kinds of values."""
    shapes = draw(st.lists(st.lists(st.sampled_from(_KEYS), unique=True), min_size=1, max_size=2))
    usual = draw(st.fixed_dictionaries({key: _value_of(key) for key in _KEYS}))
    made = []
    for _ in range(draw(st.integers(FEWEST, 2 * FEWEST + 2))):
        record = {key: usual[key] for key in draw(st.sampled_from(shapes))}
        odd = draw(st.lists(st.sampled_from(sorted(record)), max_size=1)) if record else []
        record.update({key: draw(_value_of(key)) for key in odd})
        made.append(orjson.dumps(record))
    return made


def _value_of(key: str) -> st.SearchStrategy[Any]:
    return _TIMES | _VALUES if key in ("@timestamp", "time", "date") else _VALUES


def _batch(lines: list[bytes], **others: Any) -> Batch:
    return Batch(
        org_id=OrgId(uuid7()),
        received_ns=RECEIVED_NS,
        first_id=uuid7_run(RECEIVED_NS // 1_000_000),
        protocol="ndjson",
        lines=lines,
        **others,
    )


def _one_by_one(batch: Batch) -> list[Any]:
    made = []
    for index, line in enumerate(batch.lines):
        alone = replace(
            batch,
            lines=[line],
            first_id=batch.first_id + index,
            ids=None if batch.ids is None else [batch.ids[index]],
            indices=None if batch.indices is None else [batch.indices[index]],
            bad={0: batch.bad[index]} if index in batch.bad else {},
        )
        made += normalise(alone, TARGET).records
    return made


@given(lines=_alike_lines(), stream=st.sampled_from(["", "default", "other"]), odd=st.data())
def test_records_are_the_same_together_and_alone(
    lines: list[bytes], stream: str, odd: st.DataObject
) -> None:
    def beside(values: list[Any]) -> Any:
        every = st.lists(st.sampled_from(values), min_size=len(lines), max_size=len(lines))
        return odd.draw(st.none() | st.just([values[0]] * len(lines)) | every)

    unread = odd.draw(st.integers(0, 3 * len(lines)))
    if unread < len(lines):
        lines[unread] = odd.draw(st.sampled_from([b"{", b"[]", b'{"a":99999999999999999999}']))
    batch = _batch(
        lines, stream=stream, ids=beside(["x", None, "", "i" * 600]), indices=beside(["i", None])
    )
    assert normalise(batch, TARGET).records == _one_by_one(batch)


@pytest.mark.parametrize(
    "odd",
    [
        {**RECORD, "level": "strange"},
        {**RECORD, "@timestamp": "never"},
        {**RECORD, "trace_id": "not hexadecimal"},
        {**RECORD, "service": None},
        {**RECORD, "host": {"name": 7}},
        {"message": "other keys"},
        ["no object"],
    ],
)
def test_only_the_odd_record_is_made_by_itself(odd: Any) -> None:
    lines = [orjson.dumps(RECORD)] * 5 + [orjson.dumps(odd)] + [orjson.dumps(RECORD)] * 5
    batch = _batch(lines)

    together = normalise_alike(batch, TARGET, batch.made_ids())

    assert [index for index, one in enumerate(together) if one is None] == [5]
    assert normalise(batch, TARGET).records == _one_by_one(batch)


def test_batches_of_text_and_small_ones_are_read_line_by_line() -> None:
    line = orjson.dumps(RECORD)
    for batch in (_batch([line] * FEWEST, is_text=True), _batch([line] * (FEWEST - 1))):
        assert normalise_alike(batch, TARGET, batch.made_ids()) == [None] * len(batch.lines)


def test_ids_run_on_beyond_their_last_eight_digits() -> None:
    batch = replace(_batch([b"{}"] * 20), first_id=(uuid7().int >> 32 << 32) | 0xFFFF_FFFF)

    assert batch.made_ids() == [batch.id_of(index) for index in range(20)]
