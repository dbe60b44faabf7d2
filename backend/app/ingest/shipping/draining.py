"""The end of a host: its intake stops, its shipper drains the journal, then both are gone."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from app.core.errors import ElkError
from app.ingest.exclusive import is_taken_in
from app.ingest.shipping.stopping import Stop
from app.journal.journal import Journal

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
SAY_SECONDS = 10.0


class Draining:
    """Asks `stop` once the journal is empty and nobody is left who could add to it, whoever ships."""

    def __init__(self, journal: Journal, stop: Stop) -> None:
        self.is_done = False
        self._journal = journal
        self._stop = stop
        self._thread = threading.Thread(target=self._watch, name="shipper-drain", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; `stop` has been asked."""
        self._thread.join()

    def _watch(self) -> None:
        looks = 0
        while not self._stop.is_asked:
            what = self._what_is_left()
            if not what:
                self.is_done = True
                self._stop.ask()
                return
            if looks % int(SAY_SECONDS / LOOK_SECONDS) == 0:
                log.info("journal_draining", waits_for=what)
            looks += 1
            self._stop.sleep(LOOK_SECONDS)

    def _what_is_left(self) -> str:
        # In this order: what is taken in after the second look is seen by the next first one.
        try:
            if is_taken_in(Path(self._journal.directory)):
                return "the intake to end"
            entries = self._journal.state().entries
        except (ElkError, OSError) as error:
            return str(error)
        return f"{entries} entries" if entries else ""
