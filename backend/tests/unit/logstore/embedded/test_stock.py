"""The embedded store as whoever moves records sees it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Broken, Conflict
from app.core.file_lock import file_lock
from app.core.scope import Scope
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.shelf import (
    WRITER_LOCK,
    directory_of,
    draft_of,
    finish_replacing,
)
from app.logstore.embedded.stock import EmbeddedStock
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.moving import ALL, BATCH_BYTES, Removal, Tally
from app.logstore.partitions import Home, period_of
from app.logstore.types import QUARANTINE_STREAM, Position, RoutedRecord, SearchPlan, StoredRecord
from app.query.fields import field_named
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE, CHARLIE, GLOBEX
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record

POOL = Home(30, "pool0", period_of(30, NOON_NS))
OURS = 70


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[EmbeddedStock]:
    opened = EmbeddedStock(tmp_path)
    yield opened
    opened.close()


def fill(location: Path, *records: RoutedRecord, number: int = 1) -> None:
    writer = EmbeddedWriter(location)
    writer.append(records, position=Position(JOURNAL, number))
    writer.close()


def mixed() -> list[RoutedRecord]:
    """Ours and theirs in turn, some hidden, some with sent ids."""
    records = []
    for i in range(OURS):
        records += [
            a_record(f"ours {i}", attributes={"n": i, "who": f"u{i % 3}"}),
            a_record(f"theirs {i}", org_id=GLOBEX, attributes={"n": i, "city": f"c{i % 4}"}),
        ]
    records.append(a_record("hidden", stream=QUARANTINE_STREAM, attributes={"raw": "{"}))
    records.append(a_sent_record("one", "sent by us"))
    records.append(a_sent_record("one", "sent by them", org_id=GLOBEX))
    return records


def found(location: Path, scope: Scope) -> list[StoredRecord]:
    reader = EmbeddedReader(location)
    plans = [SearchPlan(Everything(), ALWAYS, stream=one) for one in (None, QUARANTINE_STREAM)]
    records = [record for plan in plans for record in reader.scan(scope, plan)]
    assert reader.health().broken == ()
    reader.close()
    return sorted(records, key=lambda record: record.id)


def test_a_partition_is_read_in_the_order_of_its_records(
    tmp_path: Path, stock: EmbeddedStock
) -> None:
    records = mixed()
    fill(tmp_path, *records)
    ours = [record for record in records if record.org_id == ACME]
    batches = list(stock.batches(ACME, POOL, 10))
    assert [len(batch) for batch in batches[:-1]] == [10] * (len(batches) - 1)
    assert [one for batch in batches for one in batch] == ours
    assert stock.count(ACME, POOL) == len(ours)
    assert stock.missing(POOL, records) == []
    assert stock.missing(POOL, [other := ours[0]._replace(message="other")]) == [other]
    assert stock.homes(ACME) == [POOL]


def test_one_organisation_leaves_and_the_other_notices_nothing(
    tmp_path: Path, stock: EmbeddedStock
) -> None:
    fill(tmp_path, *mixed())
    theirs = found(tmp_path, CHARLIE)
    tally = Tally()
    for batch in stock.batches(GLOBEX, POOL, 50):
        tally = tally.add(batch)
    assert sum(stock.remove(ACME, POOL, ALL, lambda batch: batch, 25)) == OURS + 2
    assert found(tmp_path, ALICE) == []
    assert found(tmp_path, CHARLIE) == theirs
    after = Tally()
    for batch in stock.batches(GLOBEX, POOL, 50):
        after = after.add(batch)
    assert after == tally
    reader = EmbeddedReader(tmp_path)
    fields = {one.name for one in reader.fields(CHARLIE, ALWAYS).fields if one.records}
    assert {"n", "city"} <= fields
    assert "who" not in fields
    values = reader.field_values(CHARLIE, field_named("city"), Everything(), ALWAYS)
    assert sum(one.count for one in values.values) == OURS
    reader.close()
    stock.close()
    # The journal's position and the sent ids are remembered: nothing is appended twice.
    fill(tmp_path, *mixed())
    assert found(tmp_path, CHARLIE) == theirs
    repeated = a_sent_record("one", "sent by them", org_id=GLOBEX)
    fill(tmp_path, repeated, number=2)
    assert found(tmp_path, CHARLIE) == theirs


def test_a_partition_of_one_organisation_goes_as_a_whole(
    tmp_path: Path, stock: EmbeddedStock
) -> None:
    fill(tmp_path, a_record("only"))
    assert sum(stock.remove(ACME, POOL, ALL, lambda batch: batch, 10)) == 1
    assert not directory_of(tmp_path, POOL).exists()
    assert list((tmp_path / POOL.group).iterdir()) == []
    assert stock.homes(ACME) == []
    assert list(stock.remove(ACME, POOL, ALL, lambda batch: batch, 10)) == []


def test_one_record_that_must_stay_keeps_all(tmp_path: Path, stock: EmbeddedStock) -> None:
    fill(tmp_path, *mixed())
    with pytest.raises(Conflict, match="none was removed"):
        list(stock.remove(ACME, POOL, ALL, lambda batch: batch[1:], 25))
    assert stock.count(ACME, POOL) == OURS + 2


@pytest.mark.parametrize("is_renamed", [False, True], ids=["before", "between"])
def test_a_replacement_that_was_cut_off_is_finished_by_whoever_comes_next(
    tmp_path: Path, *, is_renamed: bool
) -> None:
    fill(tmp_path, *mixed())
    theirs = found(tmp_path, CHARLIE)
    directory, draft = directory_of(tmp_path, POOL), draft_of(tmp_path, POOL)
    shutil.copytree(directory, draft)
    if is_renamed:
        directory.rename(directory.with_name(f"gone-{POOL.period}"))
        assert found(tmp_path, CHARLIE) == []
    EmbeddedWriter(tmp_path).close()
    assert found(tmp_path, CHARLIE) == theirs
    assert [one.name for one in (tmp_path / POOL.group).iterdir()] == [POOL.period]


def test_nothing_to_finish_is_fine(tmp_path: Path) -> None:
    finish_replacing(tmp_path / "nowhere")
    (tmp_path / "30d-pool0").mkdir()
    (tmp_path / "30d-pool0" / "gone-fishing").mkdir()
    (tmp_path / "30d-pool0" / "draft-of-a-letter").mkdir()
    finish_replacing(tmp_path)
    assert len(list((tmp_path / "30d-pool0").iterdir())) == 2


def test_while_a_shipper_writes_nobody_else_does(tmp_path: Path) -> None:
    with file_lock(tmp_path / WRITER_LOCK) as is_held:
        assert is_held
        with pytest.raises(Conflict, match="stop it"):
            EmbeddedStock(tmp_path)
    EmbeddedStock(tmp_path).close()
    with file_lock(tmp_path / WRITER_LOCK) as is_held:
        assert is_held


def test_a_directory_of_something_else_is_no_store(tmp_path: Path) -> None:
    """As DATA_DIR, whose `logs` was meant: nobody would find what is put there."""
    for name in ("logs", "journal"):
        (tmp_path / name).mkdir()
    with pytest.raises(Conflict, match="holds other things than logs"):
        EmbeddedStock(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "logs"]
    # A store that was copied without its lock is one.
    (tmp_path / "30d-pool0").mkdir()
    EmbeddedStock(tmp_path).close()


def test_records_are_put_once_and_hidden_never(tmp_path: Path, stock: EmbeddedStock) -> None:
    records = mixed()
    stock.put(POOL, records[:40])
    stock.settle(POOL)
    for _ in range(2):
        stock.put(POOL, stock.missing(POOL, records))
        stock.settle(POOL)
    assert stock.count(ACME, POOL) == OURS + 2
    with pytest.raises(Broken):
        stock.put(POOL, records, mark="m")


def test_a_broken_partition_stops_a_move(tmp_path: Path, stock: EmbeddedStock) -> None:
    fill(tmp_path, *mixed())
    (directory_of(tmp_path, POOL) / "index" / "meta.json").write_bytes(b"{")
    with pytest.raises(Conflict, match="cannot be read"):
        stock.homes(ACME)


def test_a_batch_of_large_records_ends_when_it_has_many_bytes(
    tmp_path: Path, stock: EmbeddedStock
) -> None:
    records = [a_record(f"{i} " + "large " * 170_000) for i in range(18)]
    fill(tmp_path, *records)
    batches = list(stock.batches(ACME, POOL, 2_000))
    assert sorted(one.id for batch in batches for one in batch) == [one.id for one in records]
    largest = max(sum(len(one.message) for one in batch) for batch in batches)
    assert BATCH_BYTES // 2 < largest < BATCH_BYTES + len(records[-1].message)


def test_between_two_stores_of_this_kind(tmp_path: Path) -> None:
    here, there = EmbeddedStock(tmp_path / "here"), EmbeddedStock(tmp_path / "there")
    fill(tmp_path / "here", *mixed())
    before = found(tmp_path / "here", ALICE)
    removal = Removal(ACME, here, POOL, there, POOL, batch_records=20)
    assert sum(removal.copy()) == OURS + 2
    assert removal.verify().records == OURS + 2
    assert sum(removal.empty()) == OURS + 2
    assert found(tmp_path / "there", ALICE) == before
    assert found(tmp_path / "here", ALICE) == []
    here.close()
    there.close()
