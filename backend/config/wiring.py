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


def open_journal() -> None:
    """Opens this process's journal; call it after fork."""
    journal_process.configure(settings.JOURNAL_DIR, max_bytes=settings.JOURNAL_MAX_BYTES)
    journal_process.journal()


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
