"""Records on their way to another place, as the operator's command moves them."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from typing_extensions import override

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import Conflict, Unavailable
from app.core.file_lock import file_lock
from app.core.ids import OrgId
from app.core.scope import Scope
from app.journal.journal import Journal
from app.logs import moves
from app.logs.moves import Mover, Patience
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.hosts import hosts_of
from app.logstore.elastic.mapping import MAPPINGS, SETTINGS
from app.logstore.elastic.names import index_of
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.stock import ElasticStock
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.stock import EmbeddedStock
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.interface import LogReader
from app.logstore.moving import ALL, Batch, Numbers
from app.logstore.partitions import Home, period_bounds, period_of
from app.logstore.places import OWN, Assignment, Hidden, Places
from app.logstore.types import (
    NS_PER_DAY,
    QUARANTINE_STREAM,
    Position,
    RoutedRecord,
    SearchPlan,
    StoredRecord,
)
from app.query.filters import Everything
from app.streams.selectors import (
    TO_OWN,
    assignments_of,
    everybodys_hidden,
    everybodys_places,
    list_moves,
)
from app.streams.services import begin_move, next_period_ns
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record
from tests.conftest import Person
from tests.elastic_indices import own_indices

pytestmark = [pytest.mark.elastic, pytest.mark.django_db(transaction=True)]

NOBODY_ELSE = Patience(0, 0)
LAST_WEEK_NS = NOON_NS - 7 * NS_PER_DAY
LAST_WEEK = Home(30, "pool0", period_of(30, LAST_WEEK_NS))
THIS_WEEK = Home(30, "pool0", period_of(30, NOON_NS))


@pytest.fixture
def location(settings: Settings) -> Iterator[Path]:
    """Elasticsearch with a prefix of this test's own, which the settings name too."""
    with own_indices() as own:
        settings.LOG_STORE, settings.LOG_STORE_LOCATION = "elastic", hosts_of(own)
        yield own


class Told:
    """What was said, and what happens meanwhile."""

    def __init__(self, meanwhile: Callable[[str], None] = lambda _text: None) -> None:
        self.lines: list[str] = []
        self._meanwhile = meanwhile

    def say(self, text: str) -> None:
        self.lines.append(text)
        self._meanwhile(text)

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        self.say(f"{label}: {total}")
        yield lambda records: self._meanwhile(f"{label} {records}")
        self._meanwhile(f"{label} done")


def records_of(org_id: OrgId, received: int, count: int = 12) -> list[RoutedRecord]:
    """Of every kind that a move has to keep as it is."""
    given = {"org_id": org_id, "received": received, "at": received}
    return [
        *(a_record(f"{i}", attributes={"n": i}, **given) for i in range(count - 3)),
        a_record("raw", stream=QUARANTINE_STREAM, retention_class=14, **given),
        a_sent_record(f"order-{received}", "paid", attributes={"a": [1, "b"]}, **given),
        a_record("kept short", retention_class=3, level="error", level_number=17, **given),
    ]


def fill(writer: ElasticWriter | EmbeddedWriter, *records: RoutedRecord, number: int = 1) -> None:
    writer.append(records, position=Position(JOURNAL, number))
    writer.commit()
    writer.close()


def found(reader: LogReader, scope: Scope) -> list[StoredRecord]:
    plans = [SearchPlan(Everything(), ALWAYS, stream=one) for one in (None, QUARANTINE_STREAM)]
    records = [record for plan in plans for record in reader.scan(scope, plan)]
    reader.close()
    return sorted(records, key=lambda record: (record.id, record.observed_ns))


def reading(location: Path) -> ElasticReader:
    """A reader that looks into the database at every question."""
    return ElasticReader(location, hidden=lambda org_id: everybodys_hidden().get(org_id, Hidden()))


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command("move_logs", *arguments, stdout=said)
    return said.getvalue()


def test_an_organisation_leaves_the_pool_and_every_search_sees_all_of_it_once(
    location: Path, alice: Person, charlie: Person
) -> None:
    ours = records_of(alice.org_id, LAST_WEEK_NS) + records_of(alice.org_id, NOON_NS)
    theirs = records_of(charlie.org_id, LAST_WEEK_NS)
    fill(ElasticWriter(location), *ours, *theirs)
    before, others = found(reading(location), alice.scope), found(reading(location), charlie.scope)
    assert len(before) == len(ours)

    def look(_text: str) -> None:
        assert found(reading(location), alice.scope) == before

    told = Told(look)
    stock = ElasticStock(location)
    moved = Mover(alice.scope, told, batch_records=5).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS)
    ended = {home for home in stock.homes(alice.org_id) if home.pool == str(alice.org_id)}
    assert moved == 12 + 0
    assert LAST_WEEK._replace(pool=str(alice.org_id)) in ended
    assert stock.count(alice.org_id, LAST_WEEK) == 0
    assert stock.count(alice.org_id, THIS_WEEK) == 10
    assert stock.count(charlie.org_id, LAST_WEEK) == 10
    assert found(ElasticReader(location), alice.scope) == before
    assert found(ElasticReader(location), charlie.scope) == others
    assert any("still written to" in line for line in told.lines)
    assert {move.phase for move in list_moves(alice.scope, TO_OWN)} == {"done"}
    assert list_moves(charlie.scope, TO_OWN) == []
    # What comes in goes to its own partitions as soon as everybody can know of it.
    said = {one.retention_class: one for one in assignments_of(alice.scope)}
    assert said[30] == Assignment(30, next_period_ns(30, NOON_NS), OWN)
    assert set(said) == {3, 14, 30}
    # Again: there is nothing left to do.
    assert Mover(alice.scope, told).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS) == 0
    # A week later the rest goes.
    end_ns = period_bounds(THIS_WEEK.period)[1] + 3_600_000_000_000
    assert Mover(alice.scope, told).to_own(stock, NOBODY_ELSE, now_ns=end_ns) == 12
    assert found(ElasticReader(location), alice.scope) == before
    stock.close()


def test_what_a_shipper_ships_again_after_a_move_is_not_stored_twice(
    location: Path, alice: Person
) -> None:
    """It was killed before its commit, and comes back when its records have another place."""
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    late = a_record("came in late", org_id=alice.org_id, received=LAST_WEEK_NS)
    killed = ElasticWriter(location, fault=_killed_before_its_commit)
    killed.append(ours, position=Position(JOURNAL, 1))
    with pytest.raises(KeyboardInterrupt):
        killed.commit()
    stock = ElasticStock(location)
    stock.settle(LAST_WEEK)
    stock.settle(Home(14, "pool0", period_of(14, LAST_WEEK_NS)))
    stock.settle(Home(3, "pool0", period_of(3, LAST_WEEK_NS)))
    before = found(reading(location), alice.scope)
    assert Mover(alice.scope, Told()).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS) == len(ours)
    back = ElasticWriter(location, places=lambda org_id: everybodys_places()[org_id])
    report = back.append([*ours, late], position=Position(JOURNAL, 1))
    assert (report.stored, report.repeated) == (1, len(ours))
    back.commit()
    back.close()
    assert [one.message for one in found(reading(location), alice.scope) if one not in before] == [
        "came in late"
    ]
    told = Told()
    assert Mover(alice.scope, told).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS) == 1
    after = found(reading(location), alice.scope)
    assert len(after) == len(before) + 1
    assert stock.count(alice.org_id, LAST_WEEK) == 0
    stock.close()


def _killed_before_its_commit(point: str) -> None:
    if point == "commit:after_source":
        raise KeyboardInterrupt


def test_records_that_come_in_while_others_are_moved_are_moved_too(
    location: Path, alice: Person
) -> None:
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    fill(ElasticWriter(location), *ours)
    came: list[RoutedRecord] = []
    steps: Counter[str] = Counter()

    def send(text: str) -> None:
        step = text.split()[0]
        if step in {"waiting", "copying", "emptying"} and steps[step] < 2:
            steps[step] += 1
            record = a_record(text, org_id=alice.org_id, received=LAST_WEEK_NS)
            came.append(record)
            places = Places(moved=frozenset([LAST_WEEK]))
            fill(ElasticWriter(location, places=lambda _: places), record, number=9 + len(came))
        assert len(found(reading(location), alice.scope)) == len(ours) + len(came)

    stock = ElasticStock(location)
    patience = Patience(writers_seconds=0.3, readers_seconds=0.1)
    told = Told(send)
    moved = Mover(alice.scope, told).to_own(stock, patience, now_ns=NOON_NS)
    assert len(came) == 6
    assert len(found(ElasticReader(location), alice.scope)) == len(ours) + 6
    # What came too late to be compared is still where it was, and goes the next time.
    left = stock.count(alice.org_id, LAST_WEEK)
    assert left
    assert moved == len(ours) + 6 - left
    assert any(f"{left} records came in late" in line for line in told.lines)
    assert Mover(alice.scope, Told()).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS) == left
    assert len(found(ElasticReader(location), alice.scope)) == len(ours) + 6
    stock.close()


def test_waiting_is_for_those_who_may_not_know_yet(location: Path, alice: Person) -> None:
    fill(ElasticWriter(location), *records_of(alice.org_id, LAST_WEEK_NS))
    slept: list[float] = []
    stock = ElasticStock(location)
    patience = Patience.of(600.0)
    Mover(alice.scope, Told(), sleep=slept.append).to_own(stock, patience, now_ns=NOON_NS)
    assert [round(seconds) for seconds in slept] == [30, pytest.approx(660, abs=20), 30]
    slept.clear()
    Mover(alice.scope, Told(), sleep=slept.append).to_own(stock, patience, now_ns=NOON_NS)
    assert slept == []
    stock.close()


def test_of_two_that_move_the_same_the_slower_one_copies_nothing_any_more(
    location: Path, alice: Person
) -> None:
    """Copies of a move that is done are not hidden: what came in late would be seen twice."""
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    fill(ElasticWriter(location), *ours)
    late = a_record("late", org_id=alice.org_id, received=LAST_WEEK_NS, retention_class=3)
    stock = ElasticStock(location)
    slept: list[float] = []

    def while_the_first_one_waits(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            Mover(alice.scope, Told()).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS)
            fill(ElasticWriter(location), late, number=2)

    slow = Mover(alice.scope, Told(), sleep=while_the_first_one_waits)
    with pytest.raises(Conflict, match="somebody else moves"):
        slow.to_own(stock, Patience.of(600.0), now_ns=NOON_NS)
    assert len(found(reading(location), alice.scope)) == len(ours) + 1
    stock.close()


def test_a_copy_that_was_lost_is_found_out_and_nothing_goes(location: Path, alice: Person) -> None:
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    fill(ElasticWriter(location), *ours)
    cluster = Cluster(location)

    copied: list[str] = []

    def lose(text: str) -> None:
        if text == f"copying {LAST_WEEK.name} done":
            copied.append(text)
        # After what came in late was copied too; the comparison follows.
        if text == f"copying {LAST_WEEK.name} done" and len(copied) == 2:
            index = f"{cluster.prefix}-30d-{alice.org_id}-{LAST_WEEK.period}"
            hits = cluster.search(index, {"query": {"exists": {"field": "ts"}}})["hits"]["hits"]
            path = f"/{index}/_doc/{hits[0]['_id']}"
            cluster.call("DELETE", path, params={"refresh": "true"})

    stock = ElasticStock(location)
    with pytest.raises(Conflict, match=r"1 of 10 records .* nothing was removed"):
        Mover(alice.scope, Told(lose)).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS)
    assert stock.count(alice.org_id, LAST_WEEK) == 10
    phases = {move.home: move.phase for move in list_moves(alice.scope, TO_OWN)}
    assert phases[LAST_WEEK] == "copying"
    assert len(found(reading(location), alice.scope)) == len(ours)
    # Once nothing is lost any more it goes on.
    assert Mover(alice.scope, Told()).to_own(stock, NOBODY_ELSE, now_ns=NOON_NS) >= 10
    assert stock.count(alice.org_id, LAST_WEEK) == 0
    assert len(found(reading(location), alice.scope)) == len(ours)
    stock.close()
    cluster.close()


def test_a_store_that_is_away_for_a_while_does_not_end_a_move(
    location: Path, tmp_path: Path, alice: Person
) -> None:
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    fill(EmbeddedWriter(tmp_path), *ours)
    before = found(EmbeddedReader(tmp_path), alice.scope)
    cluster = Cluster(location)
    path = f"/{index_of(cluster.prefix, LAST_WEEK)}/_settings"
    cluster.create(path.split("/")[1], {"settings": SETTINGS, "mappings": MAPPINGS})
    cluster.call("PUT", path, body={"index.blocks.write": True})

    def come_back(text: str) -> None:
        if "trying again" in text:
            cluster.call("PUT", path, body={"index.blocks.write": False})

    told = Told(come_back)
    source, target = EmbeddedStock(tmp_path), ElasticStock(location)
    mover = Mover(alice.scope, told, batch_records=4, sleep=lambda _seconds: None)
    assert mover.between("forth", source, target) == len(ours)
    assert any("trying again" in line for line in told.lines)
    assert found(ElasticReader(location), alice.scope) == before
    source.close()
    target.close()
    cluster.close()


class Faltering(ElasticStock):
    """Cannot be read any more after its first batch, so many times."""

    times = 0

    @override
    def batches(
        self, org_id: OrgId, home: Home, size: int, numbers: Numbers = ALL
    ) -> Iterator[Batch]:
        for batch in super().batches(org_id, home, size, numbers):
            yield batch
            if self.times:
                self.times -= 1
                raise Unavailable("the log store cannot answer now")


@pytest.mark.parametrize("times", [1, 2, 5])
def test_what_was_put_before_a_store_went_away_is_not_put_again(
    location: Path, tmp_path: Path, alice: Person, times: int
) -> None:
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    fill(ElasticWriter(location), *ours)
    before = found(ElasticReader(location), alice.scope)
    source, target = Faltering(location), EmbeddedStock(tmp_path)
    source.times = times
    told = Told()
    mover = Mover(alice.scope, told, batch_records=4, sleep=lambda _seconds: None)
    assert mover.between("back", source, target) == len(ours)
    assert len([line for line in told.lines if "trying again" in line]) == times
    source.close()
    target.close()
    assert found(EmbeddedReader(tmp_path), alice.scope) == before
    assert found(ElasticReader(location), alice.scope) == []


def test_a_store_that_stays_away_ends_a_move_which_can_go_on_later(
    location: Path, tmp_path: Path, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = records_of(alice.org_id, LAST_WEEK_NS)
    fill(ElasticWriter(location), *ours)
    source, target = Faltering(location), EmbeddedStock(tmp_path)
    source.times = 1_000
    monkeypatch.setattr(moves, "AWAY_SECONDS", 0.3)
    told = Told()
    with pytest.raises(Unavailable):
        Mover(alice.scope, told, batch_records=4).between("back", source, target)
    assert any("trying again" in line for line in told.lines)
    assert len(found(ElasticReader(location), alice.scope)) == len(ours)
    source.times = 0
    assert Mover(alice.scope, told).between("back", source, target) == len(ours)
    source.close()
    target.close()
    assert len(found(EmbeddedReader(tmp_path), alice.scope)) == len(ours)


def test_from_the_embedded_store_to_elasticsearch_and_back(
    location: Path, tmp_path: Path, alice: Person, charlie: Person, settings: Settings
) -> None:
    settings.JOURNAL_DIR = tmp_path / "journal"
    logs = tmp_path / "logs"
    logs.mkdir()
    ours = records_of(alice.org_id, LAST_WEEK_NS) + records_of(alice.org_id, NOON_NS)
    fill(EmbeddedWriter(logs), *ours, *records_of(charlie.org_id, NOON_NS))
    before = found(EmbeddedReader(logs), alice.scope)
    others = found(EmbeddedReader(logs), charlie.scope)
    said = run(alice.slug, "--from", f"embedded:{logs}", "--to", "elasticsearch")
    assert f"{alice.slug}: {len(ours)} records moved" in said
    assert "30d-pool0" in said
    assert "digest" in said
    assert found(ElasticReader(location), alice.scope) == before
    assert found(ElasticReader(location), charlie.scope) == []
    assert found(EmbeddedReader(logs), alice.scope) == []
    assert found(EmbeddedReader(logs), charlie.scope) == others
    said = run("--all", "--from", f"embedded:{logs}", "--to", "elasticsearch")
    assert f"{len(others)} records moved" in said
    assert found(ElasticReader(location), charlie.scope) == others
    said = run(alice.slug, "--from", "elasticsearch", "--to", f"embedded:{logs}")
    assert f"{alice.slug}: {len(ours)} records moved" in said
    assert found(EmbeddedReader(logs), alice.scope) == before
    assert found(ElasticReader(location), alice.scope) == []
    assert found(ElasticReader(location), charlie.scope) == others


def test_another_store_takes_records_where_they_belong_there(
    location: Path, tmp_path: Path, alice: Person
) -> None:
    logs = tmp_path / "logs"
    own = Places((Assignment(30, 0, OWN),))
    fill(EmbeddedWriter(logs, places=lambda _: own), *records_of(alice.org_id, NOON_NS))
    run(alice.slug, "--from", f"embedded:{logs}", "--to", "elasticsearch")
    stock = ElasticStock(location)
    assert {home.pool for home in stock.homes(alice.org_id)} == {"pool0"}
    stock.close()


def test_the_command_goes_on_with_what_was_begun(location: Path, alice: Person) -> None:
    # The command asks the machine's clock: the period is over then, and its retention is not.
    received_ns = SYSTEM_CLOCK.now_ns() - 14 * NS_PER_DAY
    fill(ElasticWriter(location), *records_of(alice.org_id, received_ns))
    move = begin_move(alice.scope, TO_OWN, Home(30, "pool0", period_of(30, received_ns)))
    said = run(alice.slug, "--to", "own", "--offline", "--batch-records", "4")
    assert "records moved" in said
    assert {one.phase for one in list_moves(alice.scope, TO_OWN)} == {"done"}
    assert list_moves(alice.scope, TO_OWN)[-1].mark == move.mark


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--to", "own"], "name one organisation"),
        (["acme", "--all", "--to", "own"], "name one organisation"),
        (["nobody", "--to", "own"], "there is no organisation 'nobody'"),
        (["acme", "--to", "elasticsearch"], "where from"),
        (["acme", "--from", "elasticsearch", "--to", "elasticsearch"], "one place"),
        (["acme", "--from", "embedded:/nowhere", "--to", "elasticsearch"], "no directory"),
        (["acme", "--from", "embedded:", "--to", "elasticsearch"], "is neither"),
        (["acme", "--from", "files", "--to", "elasticsearch"], "'files' is neither"),
        (["acme", "--from", "embedded:/tmp", "--to", "own"], "inside Elasticsearch only"),
        (["acme", "--to", "own", "--batch-records", "0"], "between 1 and"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    location: Path, alice: Person, arguments: list[str], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        run(*(alice.slug if one == "acme" else one for one in arguments))


def test_without_elasticsearch_there_is_nowhere_to_go(
    alice: Person, settings: Settings, tmp_path: Path
) -> None:
    settings.LOG_STORE = "embedded"
    with pytest.raises(CommandError, match="ELASTICSEARCH_HOSTS"):
        run(alice.slug, "--from", f"embedded:{tmp_path}", "--to", "elasticsearch")


def test_a_running_shipper_of_the_embedded_store_is_in_the_way(
    location: Path, alice: Person, tmp_path: Path
) -> None:
    with file_lock(tmp_path / "writer.lock") as is_held:
        assert is_held
        with pytest.raises(CommandError, match="stop it"):
            run(alice.slug, "--from", f"embedded:{tmp_path}", "--to", "elasticsearch")


def test_what_is_not_shipped_yet_must_not_be_shipped_elsewhere(
    location: Path, alice: Person, tmp_path: Path, settings: Settings
) -> None:
    settings.JOURNAL_DIR = tmp_path / "journal"
    journal = Journal(settings.JOURNAL_DIR, max_bytes=settings.JOURNAL_MAX_BYTES)
    journal.append([b"an entry"])
    journal.close()
    (tmp_path / "logs").mkdir()
    back = (alice.slug, "--from", "elasticsearch", "--to", f"embedded:{tmp_path / 'logs'}")
    with pytest.raises(CommandError, match="1 entries of the journal are not shipped"):
        run(*back)
    with file_lock(settings.JOURNAL_DIR / "shipper.lock") as is_held:
        assert is_held
        with pytest.raises(CommandError, match="a shipper is running"):
            run(*back)


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar(
    location: Path, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ElasticWriter(location), *records_of(alice.org_id, LAST_WEEK_NS))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    said = run(alice.slug, "--to", "own", "--offline")
    assert f"copying {LAST_WEEK.name}: 100%" in terminal.getvalue()
    assert "10/10" in terminal.getvalue()
    assert "copying" not in said
