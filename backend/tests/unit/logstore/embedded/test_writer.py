"""The writer: what a crash, a full disk and a broken partition leave behind."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.embedded import source
from app.logstore.embedded.open_writers import MAX_OPEN
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.places import OWN, Assignment, Places
from app.logstore.types import NS_PER_DAY, Position, RoutedRecord, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record, an_org

HOME = Places().home_of(ACME, 30, NOON_NS)

_spawn = get_context("spawn")


def at(number: int) -> Position:
    return Position(JOURNAL, number)


def found(location: Path) -> list[str]:
    """The messages of Acme's records, sorted; no partition may have been skipped."""
    reader = EmbeddedReader(location)
    page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, limit=1000))
    reader.close()
    assert page.skipped == ()
    assert page.total == len(page.records)
    return sorted(record.message for record in page.records)


def entries(count: int) -> list[list[RoutedRecord]]:
    """Entries of records that were not sent with an id: only positions keep them from doubling."""
    return [[a_record(f"{number} {part}") for part in range(3)] for number in range(count)]


def messages(count: int) -> list[str]:
    return sorted(f"{number} {part}" for number in range(count) for part in range(3))


def _write_until_killed(location: Path, fault_name: str, after: int) -> None:
    seen = 0

    def die(name: str) -> None:
        nonlocal seen
        seen += name == fault_name
        if seen == after:
            os.kill(os.getpid(), signal.SIGKILL)

    writer = EmbeddedWriter(location, fault=die)
    for number, records in enumerate(entries(20), 1):
        writer.append(records, position=at(number))
        writer.commit()


@pytest.mark.parametrize(
    ("fault_name", "after"),
    [("commit:before", 3), ("commit:after_source", 3), ("commit:after_index", 3), ("merge", 2)],
)
def test_a_kill_loses_nothing_and_doubles_nothing(
    tmp_path: Path, fault_name: str, after: int
) -> None:
    child = _spawn.Process(target=_write_until_killed, args=(tmp_path, fault_name, after))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL

    writer = EmbeddedWriter(tmp_path)
    reports = [
        writer.append(records, position=at(number)) for number, records in enumerate(entries(20), 1)
    ]
    writer.close()
    assert found(tmp_path) == messages(20)
    repeated = sum(report.repeated for report in reports)
    assert 0 < repeated < 60


@contextmanager
def _full_disk() -> Iterator[None]:
    """No file may grow beyond 100 bytes inside; also lifted for the report of a failure."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _append_and_commit(
    writer: EmbeddedWriter, records: list[RoutedRecord], position: Position
) -> None:
    writer.append(records, position=position)
    writer.commit()


def _fill_the_disk(location: Path) -> None:
    writer = EmbeddedWriter(location)
    writer.append(entries(1)[0], position=at(1))
    writer.commit()
    with _full_disk():
        # tantivy's own thread may fail first: then the append already says so.
        with pytest.raises(Unavailable):
            _append_and_commit(writer, entries(2)[1], at(2))
        with pytest.raises(Unavailable):
            writer.append(entries(3)[2], position=at(3))
        with pytest.raises(Unavailable):
            writer.commit()

    with pytest.raises(Unavailable):
        writer.append(entries(3)[2], position=at(3))
    for number, records in enumerate(entries(3), 1):
        writer.append(records, position=at(number))
    writer.commit()
    writer.close()
    assert found(location) == messages(3)


def test_a_full_disk_is_unavailable_until_there_is_room(tmp_path: Path) -> None:
    child = _spawn.Process(target=_fill_the_disk, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == 0


def test_after_a_failure_no_entry_is_left_out(tmp_path: Path) -> None:
    fails = {"commit:after_source"}

    def fault(name: str) -> None:
        if name in fails:
            fails.clear()
            raise OSError(28, "No space left on device")

    writer = EmbeddedWriter(tmp_path, fault=fault)
    first, second, third = entries(3)
    writer.append(first, position=at(1))
    writer.append(second, position=at(2))
    with pytest.raises(Unavailable):
        writer.commit()
    with pytest.raises(Unavailable):
        writer.append(third, position=at(3))
    with pytest.raises(Unavailable):
        writer.commit()
    for number, records in enumerate((first, second, third), 1):
        writer.append(records, position=at(number))
    writer.close()
    assert found(tmp_path) == messages(3)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"\x00garbage" * 100)


def _break_meta(partition: Path) -> None:
    _overwrite(partition / "index" / "meta.json")


def _break_columns(partition: Path) -> None:
    for file in (partition / "index").glob("*.fast"):
        _overwrite(file)


def _break_terms(partition: Path) -> None:
    for file in (partition / "index").glob("*.term"):
        file.unlink()


def _break_source(partition: Path) -> None:
    _overwrite(partition / "source" / "000000.zst")


@pytest.mark.parametrize(
    "breaks",
    [_break_meta, _break_columns, _break_terms, _break_source],
    ids=lambda one: one.__name__,
)
def test_a_broken_period_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, breaks: Callable[[Path], None]
) -> None:
    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record("good", retention_class=365)], position=at(1))
    writer.append([a_record("lost")], position=at(2))
    writer.close()
    breaks(tmp_path / HOME.name)

    reader = EmbeddedReader(tmp_path)
    plan = SearchPlan(Everything(), ALWAYS)
    page = reader.search(ALICE, plan)
    assert [record.message for record in page.records] == ["good"]
    assert page.total == 1
    assert page.skipped == (HOME.name,)
    assert reader.health().status == "degraded"
    assert reader.health().broken == (HOME.name,)

    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record("new"), a_sent_record("S")], position=at(3))
    writer.commit()
    aside = f"{HOME.group}/broken-{HOME.period}-1"
    assert writer.health().broken == (aside,)
    assert (tmp_path / aside / "index").is_dir()
    page = reader.search(ALICE, replace(plan, limit=10))
    assert sorted(record.message for record in page.records) == ["good", "it happened", "new"]
    assert page.skipped == (aside,)
    assert reader.health().broken == (aside,)
    writer.close()
    reader.close()


def test_a_partition_without_a_commit_is_no_error(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record()], position=at(1))
    assert found(tmp_path) == []
    writer.close()
    assert found(tmp_path) == ["it happened"]


def test_strange_files_beside_partitions_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "30d-pool0").mkdir()
    (tmp_path / "30d-pool0" / "notes.txt").write_text("hello")
    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record()], position=at(1))
    writer.maintain(NOON_NS)
    writer.close()
    assert found(tmp_path) == ["it happened"]
    assert (tmp_path / "30d-pool0" / "notes.txt").exists()


def test_many_partitions_do_not_stay_open(tmp_path: Path) -> None:
    organisations = [an_org(number) for number in range(MAX_OPEN + 8)]
    own = Places((Assignment(30, 0, OWN),))
    writer = EmbeddedWriter(tmp_path, places=lambda _org_id: own)
    for number, org_id in enumerate(organisations, 1):
        writer.append([a_record(org_id=org_id)], position=at(number))
    opened = [path for path in _open_files() if path.is_relative_to(tmp_path)]
    assert 0 < len([path for path in opened if path.suffix == ".zst"]) <= MAX_OPEN + 1
    writer.close()
    assert len(list(tmp_path.glob("30d-*/*"))) == len(organisations)


def _open_files() -> list[Path]:
    """What this process has open; threads of tantivy may close theirs meanwhile."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(link.readlink())
    return found


def test_a_second_writer_has_to_wait(tmp_path: Path) -> None:
    first = EmbeddedWriter(tmp_path)
    first.append([a_record("first")], position=at(1))
    second = EmbeddedWriter(tmp_path)
    with pytest.raises(Unavailable):
        second.append([a_record("second")], position=at(2))
    second.close()
    first.close()
    assert found(tmp_path) == ["first"]


def test_what_expired_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record("short", retention_class=3)], position=at(1))
    writer.append([a_record("long", retention_class=90)], position=at(2))
    writer.commit()
    reader = EmbeddedReader(tmp_path)
    plan = SearchPlan(Everything(), ALWAYS)
    assert reader.search(ALICE, plan).total == 2
    writer.maintain(NOON_NS + 4 * NS_PER_DAY)
    page = reader.search(ALICE, plan)
    assert [record.message for record in page.records] == ["long"]
    assert page.skipped == ()
    assert not (tmp_path / Places().home_of(ACME, 3, NOON_NS).name).exists()
    reader.close()
    writer.close()


def test_what_was_set_aside_goes_when_its_time_is_over(tmp_path: Path) -> None:
    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record()], position=at(1))
    writer.close()
    _break_meta(tmp_path / HOME.name)
    writer = EmbeddedWriter(tmp_path)
    writer.append([a_record()], position=at(2))
    writer.commit()
    writer.maintain(NOON_NS + 29 * NS_PER_DAY)
    assert len(writer.health().broken) == 1
    writer.maintain(NOON_NS + 40 * NS_PER_DAY)
    assert writer.health().broken == ()
    writer.close()


def test_a_partition_found_broken_while_packing_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "FILE_RECORDS", 4)
    writer = EmbeddedWriter(tmp_path)
    for number in range(5):
        writer.append([a_record(str(number))], position=at(number + 1))
        writer.commit()
    _overwrite(tmp_path / HOME.name / "source" / "000000.zst")
    with pytest.raises(Unavailable):
        writer.maintain(NOON_NS)
    assert writer.health().broken == (f"{HOME.group}/broken-{HOME.period}-1",)
    writer.append([a_record("new")], position=at(6))
    writer.close()
