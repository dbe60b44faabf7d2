"""Two shippers and two beats through 50 period changes, one a second."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.mapping import ATTRIBUTE_TYPES, PROPERTIES
from app.logstore.elastic.names import home_of_index
from app.logstore.elastic.reader import ElasticReader
from app.logstore.partitions import period_of
from app.logstore.types import SearchPlan, TimeRange
from app.query.fields import field_named
from app.query.filters import Equals, Everything
from tests.conformance.cast import ALICE
from tests.elastic_indices import own_indices
from tests.process import elastic_periods as periods
from tests.process.running import BACKEND
from tests.process.service import report

pytestmark = pytest.mark.elastic
SHIPPERS = ("018f3c00-0000-7000-8000-0000000000f0", "018f3c00-0000-7000-8000-0000000000f1")
CHANGES = 50
TICKS = (CHANGES + 1) * periods.TICKS_A_DAY
PATIENCE_SECONDS = 900.0
# So far the clock may be ahead of what the slower shipper has stored.
LAG_NS = 3 * periods.NS_PER_DAY


@pytest.fixture
def location() -> Iterator[Path]:
    """Hosts with a prefix of this test's own."""
    with own_indices() as own:
        yield own


class Part:
    """A process, and the number it said last."""

    def __init__(self, *arguments: str) -> None:
        self.said = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.process.elastic_periods", *arguments],
            cwd=BACKEND,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.strip().isdecimal():
                    self.said = int(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()


def test_nothing_is_lost_doubled_or_unmapped_through_fifty_period_changes(
    location: Path, tmp_path: Path
) -> None:
    began = time.time() + 3.0
    clock = tmp_path / "now"
    clock.touch()
    shippers = [Part("shipper", str(location), name, str(began), str(TICKS)) for name in SHIPPERS]
    beats = [Part("beat", str(location), str(clock)) for _ in range(2)]
    watcher = _Watcher(location)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while watcher.checked_days <= CHANGES:
            assert time.monotonic() < until, f"only {watcher.checked_days} days"
            assert all(beat.process.poll() is None for beat in beats)
            assert not any(one.process.poll() for one in shippers)
            ticks = min(shipper.said for shipper in shippers)
            _set(clock, min(periods.now_ns(began), periods.received_ns(ticks) + LAG_NS))
            watcher.look(ticks)
            time.sleep(0.1)
        seconds = time.time() - began
        expired = watcher.wait_for_expiry(clock, until)
    finally:
        for part in (*shippers, *beats):
            part.close()
        watcher.close()
    report(
        f"{watcher.checked_days} days in {seconds:.0f} s, {watcher.records} records,"
        f" {len(watcher.indices)} indices, {watcher.mappings} mappings looked at,"
        f" {expired} indices expired"
    )


def _set(clock: Path, now_ns: int) -> None:
    partial = clock.with_suffix(".new")
    partial.write_text(str(now_ns))
    partial.replace(clock)


class _Watcher:
    """Counts each day's records once both shippers are well beyond it, and looks at every mapping."""

    def __init__(self, location: Path) -> None:
        self.checked_days = 0
        self.records = 0
        self.mappings = 0
        self.indices: set[str] = set()
        self._cluster = Cluster(location)
        self._reader = ElasticReader(location)

    def look(self, ticks: int) -> None:
        """Checks all that can be checked when both shippers have committed so many ticks."""
        self._check_mappings()
        is_over = ticks >= TICKS
        while self.checked_days <= CHANGES and (
            is_over or ticks >= (self.checked_days + 2) * periods.TICKS_A_DAY
        ):
            self._check_day(self.checked_days)
            self.checked_days += 1

    def wait_for_expiry(self, clock: Path, until: float) -> int:
        """Waits until the beats have deleted the first days; how many indices are gone."""
        today = CHANGES + 3
        _set(clock, periods.START_NS + today * periods.NS_PER_DAY)
        while True:
            names = self._mappings().keys()
            if min(map(self._home, names)) >= _period(today - periods.RETENTION_CLASS):
                return len(self.indices - names)
            assert time.monotonic() < until
            time.sleep(0.2)

    def _check_day(self, day: int) -> None:
        first = day * periods.TICKS_A_DAY
        ticks = range(first, first + periods.TICKS_A_DAY)
        range_ = TimeRange(periods.received_ns(ticks.start), periods.received_ns(ticks.stop))
        plan = SearchPlan(Everything(), range_, limit=1000)
        found = Counter(record.message for record in self._reader.search(ALICE, plan).records)
        expected = {f"own {name} {tick}" for name in SHIPPERS for tick in ticks}
        expected |= {f"shared {tick}" for tick in ticks}
        # An id that comes again may be the first of the two that is stored.
        early = {f"shared {tick - periods.REPEATED_AFTER}" for tick in ticks}
        assert {name: n for name, n in found.items() if n > 1} == {}
        self._once(found, expected, early, day)
        total = self._reader.search(
            ALICE, SearchPlan(Equals(field_named("day"), (day,)), range_, limit=1)
        ).total
        assert total == sum(found.values())
        self.records += total

    def _once(self, found: Counter[str], expected: set[str], early: set[str], day: int) -> None:
        everywhere = Counter(found)
        for other in (day - 1, day + 1):
            start = other * periods.TICKS_A_DAY
            range_ = TimeRange(
                periods.received_ns(start), periods.received_ns(start + periods.TICKS_A_DAY)
            )
            page = self._reader.search(ALICE, SearchPlan(Everything(), range_, limit=1000))
            everywhere.update(record.message for record in page.records)
        assert {name: everywhere[name] for name in expected if everywhere[name] != 1} == {}
        assert set(found) <= expected | early

    def _check_mappings(self) -> None:
        for name, one in self._mappings().items():
            self.indices.add(name)
            self.mappings += 1
            mapping = one["mappings"]
            properties = mapping["properties"]
            ours = {field: properties.get(field) for field in PROPERTIES}
            assert ours.keys() == PROPERTIES.keys()
            assert all(_says(ours[field], wanted) for field, wanted in PROPERTIES.items()), name
            others = {field: kind for field, kind in properties.items() if field not in ours}
            assert all(kind == ATTRIBUTE_TYPES[field[5]] for field, kind in others.items()), name
            assert (mapping["dynamic"], mapping["subobjects"]) == ("false", False), name

    def _mappings(self) -> dict[str, dict[str, dict[str, object]]]:
        return self._cluster.call("GET", f"/{self._cluster.partitions}/_mapping")

    def _home(self, index: str) -> str:
        home = home_of_index(self._cluster.prefix, index)
        assert home is not None
        return home.period

    def close(self) -> None:
        self._reader.close()
        self._cluster.close()


def _says(found: object, wanted: dict[str, object]) -> bool:
    assert isinstance(found, dict)
    return all(found.get(name) == value for name, value in wanted.items())


def _period(day: int) -> str:
    return period_of(periods.RETENTION_CLASS, periods.START_NS + day * periods.NS_PER_DAY)
