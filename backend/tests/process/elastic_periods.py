"""Shippers and beats whose days take a second, each a process: `python -m … shipper|beat …`.

Receive times are arguments of the store, so a clock that is 86,400 times as fast as the wall's makes
a period end every second. A shipper takes in at every tick one record with an id of its own, one with
an id that the other shipper brings too, and that one's of some ticks before once more, so that
repetitions lie on both sides of every border.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from app.core.errors import Unavailable
from app.logstore.elastic.upkeep import keep_up
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, Position, RoutedRecord
from tests.conformance.records import NOON_NS, a_record, a_sent_record

START_NS = NOON_NS - NS_PER_DAY // 2
RETENTION_CLASS = 14
TICKS_A_DAY = 40
# So many ticks later an id comes again: less than a day, within which it is remembered.
REPEATED_AFTER = 25
TICKS_AN_ENTRY = 4
ENTRIES_A_COMMIT = 2
AHEAD_NS = NS_PER_DAY // 2
BEAT_SECONDS = 0.25
_SPEED = NS_PER_DAY // NS_PER_SECOND


def received_ns(tick: int) -> int:
    """The receive time of a tick."""
    return START_NS + tick * NS_PER_DAY // TICKS_A_DAY


def now_ns(began: float) -> int:
    """The time of the fast clock, by the wall's."""
    return START_NS + int((time.time() - began) * NS_PER_SECOND) * _SPEED


def records_of(name: str, tick: int) -> list[RoutedRecord]:
    """What one shipper takes in at one tick."""
    at = received_ns(tick)
    common = {
        "at": at,
        "received": at,
        "retention_class": RETENTION_CLASS,
        "attributes": {"day": tick // TICKS_A_DAY, f"of_day_{tick // TICKS_A_DAY}": "x"},
    }
    own = a_record(f"own {name} {tick}", **common)
    shared = [a_sent_record(f"id-{tick}", f"shared {tick}", **common)]
    if tick >= REPEATED_AFTER:
        before = tick - REPEATED_AFTER
        shared.append(
            a_sent_record(
                f"id-{before}",
                f"shared {before}",
                digest=shared_digest(before),
                **common,
            )
        )
    return [own, shared[0]._replace(digest=shared_digest(tick)), *shared[1:]]


def shared_digest(tick: int) -> bytes:
    """The digest of what both shippers bring: of the bytes as sent, which are the same each time."""
    return tick.to_bytes(16, "big")


def ship(location: Path, name: str, began: float, ticks: int) -> None:
    """Takes in as ticks come, commits a few times a second, and says how far it is. What could not be
    committed is appended again, as the real shipper does."""
    writer = ElasticWriter(location, holds_back=True, limits=Limits(patience_seconds=20.0))
    entries = list(range(0, ticks, TICKS_AN_ENTRY))
    appended = committed = 0
    while committed < len(entries):
        try:
            appended = _append(writer, name, began, entries, appended)
            held = writer.commit()
        except Unavailable as error:
            sys.stdout.write(f"again from {committed}: {error.detail}\n")
            appended = committed
            time.sleep(0.1)
            continue
        committed = appended if held is None else held.number - 1
        sys.stdout.write(f"{committed * TICKS_AN_ENTRY}\n")
        sys.stdout.flush()
    writer.close()


def _append(
    writer: ElasticWriter, name: str, began: float, entries: list[int], appended: int
) -> int:
    """Appends a few entries when their last tick has come; the number of the last one."""
    for start in entries[appended : appended + ENTRIES_A_COMMIT]:
        due = began + (start + TICKS_AN_ENTRY) / TICKS_A_DAY
        time.sleep(max(0.0, due - time.time()))
        ticks = range(start, start + TICKS_AN_ENTRY)
        records = [one for tick in ticks for one in made_once(name, tick)]
        appended += 1
        writer.append(records, position=Position(name, appended))
    return appended


@cache
def made_once(name: str, tick: int) -> tuple[RoutedRecord, ...]:
    """The records of a tick, which have the same ids when they are appended again."""
    return tuple(records_of(name, tick))


def beat(location: Path, clock: Path) -> None:
    """Keeps up until it is ended. The file says what time it is: a machine that is too slow for a
    period a second would else delete what is not stored yet."""
    while True:
        if now := clock.read_text():
            # A server that is too busy now is asked again, as by the real one.
            with suppress(Unavailable):
                keep_up(location, int(now), ahead_ns=AHEAD_NS)
        time.sleep(BEAT_SECONDS)


def main() -> None:
    kind, location, *rest = sys.argv[1:]
    if kind == "beat":
        beat(Path(location), Path(rest[0]))
    else:
        ship(Path(location), rest[0], float(rest[1]), int(rest[2]))


if __name__ == "__main__":
    main()
