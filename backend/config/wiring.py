"""Which part gets which: the edge its callers, its journal and its names."""

from __future__ import annotations

import hashlib
import sys

from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.core.file_lock import LockFile
from app.ingest.edge.asgi import Edge, Settings, Stores, build
from app.ingest.edge.auth import CachedAuthenticator
from app.ingest.edge.elastic.cluster import Cluster
from app.ingest.edge.intake import JournalWriter, ShippedNumber, anybody, as_it_came
from app.ingest.edge.stored.accounts import look_up_sender
from app.ingest.edge.stored.names import StoredNames
from app.ingest.exclusive import mark_intake
from app.ingest.shipping.assembly import observers, stream_directory
from app.ingest.through.last_known import LastKnown
from app.ingest.through.storing import StoreThrough
from app.journal import process as journal_process
from app.journal.refusals import Refusals
from app.journal.status import free_bytes_beside
from app.logstore.registry import open_direct_writer
from app.logstore.types import NS_PER_SECOND
from app.streams.known_places import known_places
from app.telemetry.metrics import Reading, read_at_scrape
from config.quotas import build_quotas


def open_keeper() -> None:
    """Opens what keeps records until the store has them: this host's journal, or in its place the
    store itself. Call it after fork."""
    if settings.JOURNAL_MODE == "local":
        _open_journal()
        return
    through = StoreThrough(
        open_direct_writer(
            settings.LOG_STORE,
            settings.LOG_STORE_LOCATION,
            places=known_places(held_seconds=settings.PLACES_HELD_SECONDS),
        ),
        LastKnown(stream_directory(), SYSTEM_CLOCK),
        observers=observers(),
        # Elsewhere a shipper does.
        maintains="intake" in settings.WEB_PARTS,
    )
    _Here.through = through
    journal_process.use_keeper(through)


class _Here:
    """What this process has open beside its journal, or in place of it."""

    through: StoreThrough | None = None
    intake_mark: LockFile | None = None


def _open_journal() -> None:
    if "intake" in settings.WEB_PARTS:
        _Here.intake_mark = mark_intake(settings.JOURNAL_DIR)
    journal_process.configure(settings.JOURNAL_DIR, max_bytes=settings.JOURNAL_MAX_BYTES)
    journal_process.journal()
    read_at_scrape(read_journal)


def read_journal() -> list[Reading]:
    """The journal's metrics, the same whichever process is asked."""
    state = journal_process.journal().state()
    now_ns = SYSTEM_CLOCK.now_ns()
    age_seconds = max(0, now_ns - (state.oldest_ns or now_ns)) / NS_PER_SECOND
    return [
        ("elkv_journal_live_bytes", "Bytes that wait for the store", state.live_bytes),
        ("elkv_journal_max_bytes", "Bytes that may wait: JOURNAL_MAX_BYTES", state.max_bytes),
        ("elkv_journal_waiting_entries", "Entries that wait for the store", state.entries),
        ("elkv_journal_oldest_age_seconds", "Age of the oldest that waits", age_seconds),
        ("elkv_journal_damaged_entries", "Entries set aside as unreadable", state.damaged),
        (
            "elkv_journal_disk_free_bytes",
            "Bytes that the journal's disk has left",
            free_bytes_beside(settings.JOURNAL_DIR),
        ),
    ]


def build_edge() -> Edge:
    """The intake's front, on the event loop that will serve."""
    chosen = Settings(Cluster.of_installation(_name_of_installation()))
    writer, shipped_number = _journal_of_edge()
    stores = Stores(
        journal=writer,
        shipped_number=shipped_number,
        names=StoredNames(chosen.declared),
        quotas=build_quotas(),
        recall=as_it_came if _Here.through is None else _Here.through.recall,
        check=Refusals(settings.JOURNAL_DIR).check if _Here.through is None else anybody,
    )
    authenticate = CachedAuthenticator(look_up_sender, SYSTEM_CLOCK)
    return build(authenticate=authenticate, stores=stores, settings=chosen)


def _journal_of_edge() -> tuple[JournalWriter, ShippedNumber]:
    if _Here.through is not None:
        return _Here.through, lambda: sys.maxsize
    journal = journal_process.journal()
    return journal_process.committer(), lambda: journal.state().shipped_number


def close() -> None:
    """Commits and closes what this process has open."""
    if _Here.through is not None:
        _Here.through.close()
        _Here.through = None
    journal_process.close()
    if _Here.intake_mark is not None:
        _Here.intake_mark.close()
        _Here.intake_mark = None


def _name_of_installation() -> str:
    # Stable over restarts, the same in every process, and tells nothing of the secret.
    return hashlib.blake2b(
        settings.SECRET_KEY.encode(), digest_size=16, person=b"elkv-install"
    ).hexdigest()
