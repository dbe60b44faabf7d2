"""`manage.py shipper`: moves what the journal holds into the log store, until told to stop."""

from __future__ import annotations

import gc
import os
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from typing_extensions import override

from app.ingest.assembly import observers, stream_directory
from app.ingest.exclusive import only_shipper
from app.ingest.faults import VARIABLE, fault_of
from app.ingest.shipper import NAP_SECONDS, Parts, Shipper, Stop
from app.journal.journal import Journal
from app.logstore.registry import open_writer
from app.streams.known_places import known_places

# Records are many, short-lived and without cycles: the collector need not look at them often.
GC_THRESHOLDS = (100_000, 20, 50)


class Command(BaseCommand):
    """One runs at a time per journal; another one waits for its end."""

    help = "Moves records from the journal into the log store; SIGTERM or SIGINT ends it cleanly."
    requires_system_checks = ()

    @override
    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = Stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.ask())
        with only_shipper(settings.JOURNAL_DIR, lambda: stop.sleep(NAP_SECONDS)) as is_held:
            if is_held:
                _ship(stop)


def _ship(stop: Stop) -> None:
    fault = fault_of(os.environ.get(VARIABLE, ""))
    journal = Journal(settings.JOURNAL_DIR, max_bytes=settings.JOURNAL_MAX_BYTES)
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
        journal.close()
