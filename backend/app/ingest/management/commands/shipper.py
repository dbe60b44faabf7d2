"""`manage.py shipper`: moves what the journal holds into the log store, until told to stop."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from app.ingest.exclusive import only_shipper
from app.ingest.shipping.assembly import observers, stream_directory
from app.ingest.shipping.draining import Draining
from app.ingest.shipping.faults import VARIABLE, fault_of
from app.ingest.shipping.shipper import Parts, Shipper
from app.ingest.shipping.stopping import NAP_SECONDS, Stop
from app.journal.journal import Journal
from app.logstore.registry import open_writer
from app.logstore.stocks import sole_writer
from app.streams.known_places import known_places

# Records are many, short-lived and without cycles: the collector need not look at those that wait
# for a commit, which are a few hundred thousand objects.
GC_THRESHOLDS = (500_000, 20, 50)
# A store that hangs must not hold the end up: everything is in the journal too.
STOP_SECONDS = 25.0
NOT_DRAINED = 1
GAVE_UP = 2


class Command(BaseCommand):
    """One runs at a time per journal; another one waits for its end."""

    help = "Moves records from the journal into the log store; SIGTERM or SIGINT ends it cleanly."
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--drain",
            action="store_true",
            help="end once the intake has ended and the journal is empty, whichever shipper empties"
            " it; status 1 when stopped before",
        )

    @override
    def handle(self, *_args: Any, drain: bool, **_options: Any) -> None:
        if settings.JOURNAL_MODE != "local":
            raise CommandError("JOURNAL_MODE=through: there is no journal that could be shipped")
        stop = Stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _begin_end(stop))
        journal = Journal(settings.JOURNAL_DIR, max_bytes=settings.JOURNAL_MAX_BYTES)
        draining = Draining(journal, stop) if drain else None
        try:
            with only_shipper(settings.JOURNAL_DIR, lambda: stop.sleep(NAP_SECONDS)) as is_held:
                if is_held and not stop.is_asked:
                    _ship_alone(journal, stop)
        finally:
            if draining is not None:
                stop.ask()
                draining.close()
            journal.close()
        if draining is not None and not draining.is_done:
            sys.exit(NOT_DRAINED)


def _begin_end(stop: Stop) -> None:
    if not stop.is_asked:
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS)
    stop.ask()


def _give_up(*_: object) -> None:
    # No logging: whoever was interrupted may hold its lock.
    os.write(2, b"shipper: the log store hangs; what is not committed is shipped again\n")
    os._exit(GAVE_UP)


def _ship_alone(journal: Journal, stop: Stop) -> None:
    """Ships once no move of records changes the same partitions."""
    kind, location = settings.LOG_STORE, settings.LOG_STORE_LOCATION
    with sole_writer(kind, location, lambda: stop.sleep(NAP_SECONDS)) as is_held:
        if is_held and not stop.is_asked:
            _ship(journal, stop)


def _ship(journal: Journal, stop: Stop) -> None:
    fault = fault_of(os.environ.get(VARIABLE, ""))
    places = known_places(held_seconds=settings.PLACES_HELD_SECONDS)
    writer = open_writer(
        settings.LOG_STORE, settings.LOG_STORE_LOCATION, fault=fault, places=places
    )
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        Shipper(Parts(journal, writer, stream_directory(), observers(), fault)).run(stop)
    finally:
        writer.close()
