"""What is done with an entry on which the shipper failed again and again while it was alone at work.

It is put behind all others until something else was committed: a store that takes nothing is nobody's
fault. If it fails still, it is divided and its parts are put there, down to single records. What has
been there once is always shipped alone. A record that fails goes to quarantine as text, and what
cannot be stored even so is set aside.
Each step is one transaction of the journal, so that a crash leaves the entry as it was or as it is
to be; and what of it the store had taken before meets itself there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import structlog

from app.ingest.normalising.unexpected import UNEXPECTED
from app.ingest.shipping import metrics
from app.ingest.shipping.suspects import PORTIONS, Suspects, Suspicion
from app.journal.batch import Again, Batch, decode, encode
from app.journal.journal import Entry, Journal

log = structlog.get_logger(__name__)

# So often an entry has failed alone before it is divided or put back; a record, before it is guilty.
TRIES_WHOLE = 2
TRIES_ALONE = 3
# What cannot even be divided is set aside after so many.
TRIES_RAW = 8
# An entry of which so many parts were found guilty is not divided any further.
MAX_GUILTY = 16


class Step(Enum):
    """What was done with an entry."""

    PUT_BACK = "put_back"
    DIVIDED = "divided"
    CONDEMNED = "condemned"
    SET_ASIDE = "set_aside"


class Isolating:
    """Belongs to a shipper."""

    def __init__(self, journal: Journal, suspects: Suspects) -> None:
        self._journal = journal
        self._suspects = suspects

    def step(self, entry: Entry, suspicion: Suspicion) -> Step | None:
        """Takes the next step with an entry that failed alone; `None`: it has to be tried again."""
        if suspicion.first != suspicion.last or suspicion.alone < TRIES_WHOLE:
            return None
        if suspicion.alone >= TRIES_RAW:
            return self._set_aside(entry, suspicion)
        found = decode(entry.payload)
        batch = replace(found, again=self._again(entry, found, suspicion))
        if not self._is_proven(batch):
            return self._replace(entry, Step.PUT_BACK, [batch])
        if len(batch.lines) > 1 and self._suspects.guilty(_origin(batch)) < MAX_GUILTY:
            return self._replace(entry, Step.DIVIDED, _parts(batch))
        if suspicion.alone < TRIES_ALONE:
            return None
        if len(batch.bad) == len(batch.lines):
            return self._set_aside(entry, suspicion)
        return self._replace(entry, Step.CONDEMNED, [_condemned(batch, suspicion.why)])

    def _again(self, entry: Entry, batch: Batch, suspicion: Suspicion) -> Again:
        known = batch.again or Again(entry.number, suspicion.commits)
        # The count begins anew where its file was lost.
        return known._replace(commits=min(known.commits, self._suspects.commits))

    def _is_proven(self, batch: Batch) -> bool:
        """Whether the store took something else since the entry failed for the first time."""
        return batch.again is not None and self._suspects.commits > batch.again.commits

    def _replace(self, entry: Entry, step: Step, batches: Sequence[Batch]) -> Step:
        if step is not Step.PUT_BACK:
            self._suspects.find_guilty(_origin(batches[0]))
        last = self._journal.replace(entry.number, [encode(batch) for batch in batches])
        self._suspects.acquit()
        metrics.ISOLATED.labels(step.value).inc()
        log.error(
            "shipper_entry_isolated",
            step=step.value,
            number=entry.number,
            organisation=str(batches[0].org_id),
            now_first=last - len(batches) + 1,
            now_last=last,
        )
        return step

    def _set_aside(self, entry: Entry, suspicion: Suspicion) -> Step:
        self._journal.set_aside(entry.number, suspicion.why)
        self._suspects.acquit()
        metrics.ENTRIES_SET_ASIDE.inc()
        return Step.SET_ASIDE


def _origin(batch: Batch) -> int:
    return 0 if batch.again is None else batch.again.origin


def _parts(batch: Batch) -> list[Batch]:
    lines = -(-len(batch.lines) // PORTIONS)
    return [batch.part(start, start + lines) for start in range(0, len(batch.lines), lines)]


def _condemned(batch: Batch, why: str) -> Batch:
    """The same lines as texts for quarantine."""
    bad = dict.fromkeys(range(len(batch.lines)), UNEXPECTED) | batch.bad
    return replace(batch, bad=bad, detail=why)
