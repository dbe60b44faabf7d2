"""A record on which the shipper fails, however it fails, stops nobody but itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from app.ingest.directory import DefaultStreams
from app.ingest.shipping.isolating import MAX_GUILTY, Isolating, Step
from app.ingest.shipping.shipper import Parts
from app.ingest.shipping.suspects import FILE_NAME, Suspects, Suspicion
from app.journal.batch import decode
from app.journal.journal import Entry, Journal
from app.logstore.embedded.reader import EmbeddedReader
from tests.shipping import is_shipped, shipping, until
from tests.unit.ingest.shipping.entries import (
    GLOBEX,
    QUICK,
    batch,
    last_error_of,
    messages,
    records,
    state_of,
)
from tests.unit.ingest.shipping.stores import BrokenForNow, TouchyStore

# As many deaths as dividing, suspecting and condemning one record may take.
MOST_DEATHS = 40


def numbered(count: int, *, odd: tuple[int, ...]) -> tuple[bytes, ...]:
    return tuple(
        b'{"message":"%s %d"}' % (b"odd" if number in odd else b"good", number)
        for number in range(count)
    )


def failed(suspects: Suspects, entry: Entry, *, times: int) -> Suspicion:
    for _ in range(times):
        suspects.working(entry.number, entry.number)
        suspicion = suspects.failed("ValueError in it")
    assert suspicion is not None
    return suspicion


@pytest.mark.parametrize("step", ["append", "commit"])
def test_one_odd_record_among_many_goes_to_quarantine_and_all_else_is_stored_once(
    journal: Journal, step: str
) -> None:
    store = TouchyStore("odd", step=step)
    journal.append([batch(*numbered(3, odd=())), batch(*numbered(40, odd=(17,)))])
    journal.append([batch(b'{"message":"theirs"}', org_id=GLOBEX)])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    expected = [f"good {n}" for n in range(3)] + [f"good {n}" for n in range(40) if n != 17]
    assert sorted(messages(store)) == sorted(expected)
    assert messages(store, GLOBEX) == ["theirs"]
    (kept,) = records(store, stream="_quarantine")
    assert kept.attributes["raw"] == '{"message":"odd 17"}'
    assert kept.attributes["reason"] == "unexpected_error"
    assert kept.attributes["detail"].startswith("ZeroDivisionError in stores.py, line ")
    assert (journal.state().entries, journal.state().damaged) == (0, 0)


def test_others_are_stored_before_the_culprit_is_found(journal: Journal) -> None:
    store = TouchyStore("odd", step="append", is_tame=False)
    journal.append([batch(*numbered(20, odd=tuple(range(20))))])
    journal.append([batch(b'{"message":"theirs"}', org_id=GLOBEX)])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: messages(store, GLOBEX) == ["theirs"])
        assert "ZeroDivisionError" in last_error_of(journal)


def test_an_entry_of_odd_records_alone_is_not_divided_for_ever(journal: Journal) -> None:
    count = 16 * 3
    whole = batch(*numbered(count, odd=tuple(range(count))))
    ids = decode(whole).made_ids()
    journal.append([whole])
    suspects = Suspects(journal.directory)
    isolating = Isolating(journal, suspects)
    steps: Counter[Step | None] = Counter()
    after = 0
    while entries := journal.read(after, max_bytes=1):
        (entry,) = entries
        suspicion = failed(suspects, entry, times=3)
        # Meanwhile others are committed.
        suspects.passed(0)
        if decode(entry.payload).bad:
            after = entry.number
        else:
            steps[isolating.step(entry, suspicion)] += 1
    assert steps == {Step.DIVIDED: MAX_GUILTY, Step.CONDEMNED: 1 + 15 * 3}
    kept = [decode(entry.payload) for entry in journal.read(0, max_bytes=64 << 20)]
    assert sorted(id_ for one in kept for id_ in one.made_ids()) == ids
    assert all(len(one.bad) == len(one.lines) for one in kept)
    suspects.close()


def test_what_fails_in_quarantine_too_is_set_aside(journal: Journal) -> None:
    store = TouchyStore("odd", step="append", is_tame=False)
    journal.append([batch(*numbered(3, odd=(1,))), batch(b'{"message":"after"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    assert sorted(messages(store)) == ["after", "good 0", "good 2"]
    (number,) = journal.damaged_numbers()
    assert number > 2
    assert journal.state().entries == 0


def test_a_store_that_takes_nothing_makes_nobody_guilty(journal: Journal) -> None:
    store = BrokenForNow()
    journal.append([batch(*numbered(2, odd=())), batch(b'{"message":"other"}')])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: store.refused > 4)
        assert state_of(journal) == "isolating"
        store.is_broken = False
        until(lambda: is_shipped(journal))
        until(lambda: state_of(journal) == "running")
    assert sorted(messages(store)) == ["good 0", "good 1", "other"]
    assert messages(store, stream="_quarantine") == []
    assert journal.state().damaged == 0


def test_a_failure_that_passes_is_forgotten(journal: Journal) -> None:
    store = BrokenForNow(failures=1)
    journal.append([batch(*numbered(3, odd=()))])
    with shipping(Parts(journal, store, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
        until(lambda: b"null" in (journal.directory / FILE_NAME).read_bytes())
    assert sorted(messages(store)) == ["good 0", "good 1", "good 2"]


DEADLY_SHIPPER = """
import os, signal, sys
from pathlib import Path

from app.ingest.directory import DefaultStreams
from app.ingest.shipping.pace import Pace
from app.ingest.shipping.shipper import Parts, Shipper
from app.ingest.shipping.stopping import Stop
from app.journal.journal import Journal
from app.logstore.embedded.writer import EmbeddedWriter

journal_directory, store_directory, step = sys.argv[1:]
journal = Journal(Path(journal_directory), max_bytes=64 << 20)
stop = Stop()
has_odd = False

def fault(name):
    if has_odd and name == step:
        os.kill(os.getpid(), signal.SIGKILL)

class Deadly(EmbeddedWriter):
    def append(self, records, *, position):
        global has_odd
        report = super().append(records, position=position)
        has_odd |= any("odd" in one.message and one.stream == "default" for one in records)
        fault("append")
        return report

    def commit(self):
        global has_odd
        held = super().commit()
        has_odd = False
        return held

    def maintain(self, now_ns):
        state = journal.state()
        if state.shipped_number == state.last_number:
            stop.ask()

writer = Deadly(Path(store_directory), fault=fault)
pace = Pace(commit_seconds=0.02, maintain_seconds=0.0)
Shipper(Parts(journal, writer, DefaultStreams()), pace=pace).run(stop)
"""


@pytest.mark.parametrize("step", ["append", "commit:after_source", "commit:after_index"])
def test_a_record_that_kills_the_shipper_is_found_and_nothing_is_lost_or_doubled(
    journal: Journal, tmp_path: Path, step: str
) -> None:
    journal.append([batch(*numbered(2, odd=(1,)), b"not json"), batch(b'{"message":"other"}')])
    command = [sys.executable, "-c", DEADLY_SHIPPER, str(journal.directory), str(tmp_path), step]
    deaths = 0
    while not is_shipped(journal):
        assert deaths < MOST_DEATHS
        done = subprocess.run(command, capture_output=True, timeout=300, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
        deaths += done.returncode != 0
    store = EmbeddedReader(tmp_path)
    found = sorted(messages(store))
    texts = sorted(messages(store, stream="_quarantine"))
    store.close()
    # Where it died behind the store's own commit, the record is there.
    is_stored = step == "commit:after_index"
    assert found == ["good 0", *(["odd 1"] if is_stored else []), "other"]
    assert texts == ["not json", *([] if is_stored else ['{"message":"odd 1"}'])]
    assert (journal.state().entries, journal.state().damaged) == (0, 0)
    assert deaths > 0
