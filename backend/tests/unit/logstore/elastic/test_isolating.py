"""A record that a defect meets on its way to Elasticsearch stops nobody but itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from app.ingest.directory import DefaultStreams
from app.ingest.shipping.shipper import Parts
from app.journal.journal import Journal
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import AppendReport, Position, RoutedRecord
from tests.shipping import is_shipped, shipping, until
from tests.unit.ingest.shipping.entries import GLOBEX, QUICK, batch, messages

pytestmark = pytest.mark.elastic


class DefectiveWriter(ElasticWriter):
    """Fails when records with `odd` in their message were stored and are to be refreshed, or taken."""

    step = "append"
    is_met = False

    @override
    def append(self, records: Sequence[RoutedRecord], *, position: Position) -> AppendReport:
        report = super().append(records, position=position)
        self.is_met |= any("odd" in one.message and one.stream == "default" for one in records)
        self._meet("append")
        return report

    @override
    def commit(self) -> Position | None:
        if self.is_met:
            self._outbox.flush()
        self._meet("commit")
        return super().commit()

    @override
    def let_go(self) -> None:
        super().let_go()
        self.is_met = False

    def _meet(self, step: str) -> None:
        if self.is_met and step == self.step:
            raise ZeroDivisionError


@pytest.mark.parametrize("step", ["append", "commit"])
def test_a_record_that_a_defect_meets_is_isolated_and_all_are_there_once(
    location: Path, reader: ElasticReader, tmp_path: Path, step: str
) -> None:
    journal = Journal(tmp_path, max_bytes=64 << 20)
    lines = [b'{"message":"good %d"}' % n for n in range(20)]
    sent = [b'{"message":"sent %d","id":"s%d"}' % (n, n) for n in range(5)]
    journal.append([batch(*lines[:10]), batch(*sent)])
    journal.append([batch(*lines[10:15], b'{"message":"odd"}', *lines[15:])])
    journal.append([batch(b'{"message":"theirs"}', org_id=GLOBEX)])
    writer = DefectiveWriter(location, holds_back=True)
    writer.step = step
    with shipping(Parts(journal, writer, DefaultStreams()), QUICK):
        until(lambda: is_shipped(journal))
    writer.close()
    good = [f"good {n}" for n in range(20)] + [f"sent {n}" for n in range(5)]
    # What fails behind the store's own work is in the store.
    is_stored = step == "commit"
    assert sorted(messages(reader)) == sorted(good + ["odd"] * is_stored)
    assert messages(reader, stream="_quarantine") == ['{"message":"odd"}'] * (not is_stored)
    assert messages(reader, GLOBEX) == ["theirs"]
    assert (journal.state().entries, journal.state().damaged) == (0, 0)
    journal.close()
