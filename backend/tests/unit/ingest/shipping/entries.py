"""What goes into the journal of a shipper, and what comes out of its store."""

from __future__ import annotations

import time
from uuid import UUID

from app.core.ids import OrgId, uuid7_run
from app.core.scope import Actor, ActorKind, Permission, Scope
from app.ingest.shipping.pace import Pace
from app.journal.batch import Batch, encode
from app.journal.journal import Journal
from app.journal.status import read_status
from app.logstore.interface import LogReader
from app.logstore.types import SearchPlan, StoredRecord, TimeRange
from app.query.filters import Everything

ACME = OrgId(UUID(int=1))
GLOBEX = OrgId(UUID(int=2))
# An hour ago: whoever ships it is behind, however fast, and no retention is over, whatever the date.
RECEIVED_NS = time.time_ns() - 3_600 * 10**9
QUICK = Pace(commit_seconds=0.02, status_seconds=0.02, maintain_seconds=0.02)


def batch(
    *lines: bytes,
    org_id: OrgId = ACME,
    bad: dict[int, str] | None = None,
    received_ns: int = RECEIVED_NS,
) -> bytes:
    first_id = uuid7_run(received_ns // 1_000_000)
    return encode(
        Batch(org_id, received_ns, first_id, "ndjson", list(lines), stream="", bad=bad or {})
    )


def messages(store: LogReader, org_id: OrgId = ACME, stream: str | None = None) -> list[str]:
    return [record.message for record in records(store, org_id, stream)]


def records(
    store: LogReader, org_id: OrgId = ACME, stream: str | None = None
) -> tuple[StoredRecord, ...]:
    scope = Scope(org_id, Actor(ActorKind.SYSTEM, "test"), frozenset(Permission))
    plan = SearchPlan(
        Everything(), TimeRange(0, 2**63 - 1), stream=stream, is_descending=False, limit=1000
    )
    return store.search(scope, plan).records


def last_error_of(journal: Journal) -> str:
    status = read_status(journal.directory)
    return (status.last_error or "") if status else ""


def state_of(journal: Journal) -> str:
    status = read_status(journal.directory)
    return status.state if status else ""
