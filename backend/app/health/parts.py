"""How each part is asked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.core.db import database_kind, ping_database
from app.health.checks import Part, Report, Status
from app.health.heartbeat import last_beat_ns
from app.journal import process as journal_process
from app.journal.status import read_status
from app.logs.process import log_search

NS_PER_SECOND = 1_000_000_000
# Beat asks every quarter of a minute (config.celery).
WORKER_SILENT_SECONDS = 60
# It says that it lives every few seconds, unless a commit takes long.
SHIPPER_SILENT_SECONDS = 30


def parts() -> dict[str, Part]:
    """Every part that a web process watches. `database`, `redis` and `elasticsearch` are the names
    of the contract, whatever does their job here.

    The intake does not need the database: senders that it knows go on for a while, and no other
    process would be better off. What it needs is the place where records are kept.
    """
    answers_api = "api" in settings.WEB_PARTS
    takes_logs = "intake" in settings.WEB_PARTS
    has_journal = settings.JOURNAL_MODE == "local"
    asked = {
        "database": Part(check_database, is_needed=answers_api),
        "redis": Part(check_broker),
        "elasticsearch": Part(check_log_store, is_needed=not (answers_api or has_journal)),
    }
    if has_journal:
        asked["journal"] = Part(check_journal, is_needed=takes_logs)
        asked["shipper"] = Part(check_shipper, is_essential=False)
    asked["worker"] = Part(check_worker, is_essential=False)
    return asked


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


def check_shipper() -> Report:
    """Who moves records from the journal to the store. Without it logs are taken in all the same,
    and found later."""
    now_ns = SYSTEM_CLOCK.now_ns()
    state = journal_process.journal().state()
    facts: dict[str, object] = {
        "lag_entries": state.entries,
        "lag_seconds": 0.0
        if state.oldest_ns is None
        else round(max(0, now_ns - state.oldest_ns) / NS_PER_SECOND, 1),
    }
    status = read_status(Path(settings.JOURNAL_DIR))
    if status is None:
        return Report(Status.DOWN, {**facts, "detail": "it has not run yet"})
    silent_seconds = (now_ns - status.updated_ns) / NS_PER_SECOND
    if status.state == "stopped" or silent_seconds > SHIPPER_SILENT_SECONDS:
        return Report(Status.DOWN, {**facts, "detail": "it does not run"})
    if status.state != "running":
        return Report(Status.DEGRADED, {**facts, "detail": f"it is {status.state}"})
    return Report(Status.UP, facts)


def check_worker() -> Report:
    """Whether beat sends jobs and a worker carries them out. Searches and intake go on without."""
    beat_ns = last_beat_ns(Path(settings.RUN_DIR))
    if beat_ns is None:
        return Report(Status.DOWN, {"detail": "no background job has run yet"})
    silent_seconds = round((SYSTEM_CLOCK.now_ns() - beat_ns) / NS_PER_SECOND, 1)
    if silent_seconds > WORKER_SILENT_SECONDS:
        return Report(Status.DOWN, {"detail": f"no background job for {silent_seconds} s"})
    return Report(Status.UP)
