"""Which part gets which: the edge its callers, its journal and its names."""

from __future__ import annotations

import hashlib

from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.ingest.accounts import look_up_sender
from app.ingest.auth import CachedAuthenticator
from app.ingest.cluster import Cluster
from app.ingest.edge import Edge, Settings, Stores, build
from app.ingest.stored_names import StoredNames
from app.journal import process as journal_process
from app.logstore.types import NS_PER_SECOND
from app.telemetry.metrics import Reading, read_at_scrape


def open_journal() -> None:
    """Opens this process's journal; call it after fork."""
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
    ]


def build_edge() -> Edge:
    """The intake's front, on the event loop that will serve."""
    journal = journal_process.journal()
    chosen = Settings(Cluster.of_installation(_name_of_installation()))
    stores = Stores(
        journal=journal_process.committer(),
        shipped_number=lambda: journal.state().shipped_number,
        names=StoredNames(chosen.declared),
    )
    authenticate = CachedAuthenticator(look_up_sender, SYSTEM_CLOCK)
    return build(authenticate=authenticate, stores=stores, settings=chosen)


def close() -> None:
    """Commits and closes what this process has open."""
    journal_process.close()


def _name_of_installation() -> str:
    # Stable over restarts, the same in every process, and tells nothing of the secret.
    return hashlib.blake2b(
        settings.SECRET_KEY.encode(), digest_size=16, person=b"elkv-install"
    ).hexdigest()
