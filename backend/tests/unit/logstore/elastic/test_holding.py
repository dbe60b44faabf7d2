"""A shipper that is killed at every step around a partition that refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.ids import OrgId
from app.ingest.directory import StreamTarget
from app.ingest.shipping.faults import VARIABLE
from app.ingest.shipping.shipper import Parts
from app.journal.journal import Journal
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from tests.elastic_indices import set_flood_block
from tests.shipping import is_shipped, shipping, until
from tests.unit.ingest.shipping.entries import ACME, GLOBEX, QUICK, batch, messages

pytestmark = pytest.mark.elastic

FAULTS = (
    "ship:after_append:2",
    "commit:after_source:2",
    "ship:before_trim:2",
    "ship:after_trim:1",
)
SHIPPER = """
import os, sys
from pathlib import Path

from app.ingest.shipping.faults import fault_of
from app.ingest.shipping.shipper import Parts, Shipper
from app.ingest.shipping.stopping import Stop
from app.journal.journal import Journal
from app.logstore.elastic.writer import ElasticWriter
from tests.unit.ingest.shipping.entries import QUICK
from tests.unit.logstore.elastic.test_holding import streams

fault = fault_of(os.environ["ELKV_FAULT"])
journal = Journal(Path(sys.argv[1]), max_bytes=64 << 20)
writer = ElasticWriter(Path(sys.argv[2]), fault=fault, holds_back=True)
Shipper(Parts(journal, writer, streams, fault=fault), pace=QUICK).run(Stop())
"""


def streams(org_id: OrgId, _stream: str) -> StreamTarget:
    """Two partitions."""
    return StreamTarget("default", 3 if org_id == GLOBEX else 30)


def _entries(name: str) -> list[bytes]:
    """All are received at one time: the next day has another index, which is not blocked."""
    return [
        batch(b'{"message":"%s of %d"}' % (name.encode(), place), org_id=org_id)
        for place, org_id in enumerate((ACME, GLOBEX, ACME, GLOBEX, ACME))
    ]


def test_what_is_held_alone_stays_and_nothing_is_lost_or_doubled_by_kills(
    location: Path, cluster: Cluster, reader: ElasticReader, tmp_path: Path
) -> None:
    journal = Journal(tmp_path, max_bytes=64 << 20)
    journal.append(_entries("first"))
    writer = ElasticWriter(location, holds_back=True)
    with shipping(Parts(journal, writer, streams), QUICK):
        until(lambda: is_shipped(journal))
        set_flood_block(cluster, 3, is_on=True)
        journal.append(_entries("held"))
        # All that is not held is forgotten.
        until(lambda: journal.state().entries == 2)
    writer.close()
    for fault in FAULTS:
        journal.append(_entries(fault))
        command = [sys.executable, "-c", SHIPPER, str(tmp_path), str(location)]
        environment = {**os.environ, VARIABLE: fault}
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    names = ["first", "held", *FAULTS]
    writer = ElasticWriter(location, holds_back=True)
    with shipping(Parts(journal, writer, streams), QUICK):
        until(lambda: journal.state().entries == 2 * (len(names) - 1))
        assert sorted(messages(reader)) == sorted(
            f"{one} of {n}" for one in names for n in (0, 2, 4)
        )
        assert len(messages(reader, GLOBEX)) == 2
        set_flood_block(cluster, 3, is_on=False)
        until(lambda: is_shipped(journal))
    writer.close()
    assert journal.state().entries == 0
    assert sorted(messages(reader)) == sorted(f"{one} of {n}" for one in names for n in (0, 2, 4))
    theirs = sorted(messages(reader, GLOBEX))
    assert theirs == sorted(f"{one} of {n}" for one in names for n in (1, 3))
    journal.close()
