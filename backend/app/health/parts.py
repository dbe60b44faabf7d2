"""How each part of the embedded default is asked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings

from app.core.db import database_kind, ping_database
from app.health.checks import Part, Report, Status
from app.journal import process as journal_process
from app.logs.process import log_search

NS_PER_SECOND = 1_000_000_000


def parts() -> dict[str, Part]:
    """Every part that a web process watches. `database`, `redis` and `elasticsearch` are the names
    of the contract, whatever does their job here."""
    return {
        "database": Part(check_database, is_needed=True),
        "redis": Part(check_broker),
        "elasticsearch": Part(check_log_store),
        "journal": Part(check_journal, is_needed=True),
    }


def check_database() -> Report:
    """Users and settings."""
    ping_database()
    return Report(Status.UP, {"type": database_kind()})


def check_broker() -> Report:
    """The embedded broker is a directory that jobs are written to."""
    directory = Path(settings.BROKER_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=directory, prefix=".health-")
    os.close(handle)
    Path(name).unlink()
    return Report(Status.UP, {"type": "embedded"})


def check_log_store() -> Report:
    """Where searches look."""
    health = log_search().health()
    facts: dict[str, object] = {"type": health.type}
    if health.detail:
        facts["detail"] = health.detail
    if health.broken:
        facts["broken"] = list(health.broken)
    return Report(Status(health.status), facts)


def check_journal() -> Report:
    """What was acknowledged and is not stored yet."""
    state = journal_process.journal().state()
    facts = {
        "type": "lmdb",
        "bytes": state.live_bytes,
        "max_bytes": state.max_bytes,
        "entries": state.entries,
        "shipped": state.shipped_number,
        "last": state.last_number,
    }
    if state.damaged:
        facts["damaged"] = state.damaged
    trouble = state.is_full or state.damaged
    return Report(Status.DEGRADED if trouble else Status.UP, facts)
