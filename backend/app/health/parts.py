"""How each part is asked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError

from app.core import redis
from app.core.clock import SYSTEM_CLOCK
from app.core.db import database_kind, ping_database
from app.core.errors import Unavailable
from app.core.limits.process import processes_counting_apart
from app.core.pulses import Pulse, silent_seconds
from app.health.checks import Part, Report, Status
from app.journal import process as journal_process
from app.journal.refusals import read_refused
from app.journal.status import HOLDING_BACK, ISOLATING, free_bytes_beside, read_status
from app.logs.process import log_search
from app.logstore.types import NS_PER_SECOND

log = structlog.get_logger(__name__)

# Worker and beat show that they live every ten seconds (config.worker_steps), and beat asks for a
# job every quarter of a minute.
PULSE_SILENT_SECONDS = 35
JOB_SILENT_SECONDS = 50
# With less than this beside the journal somebody should look.
LEAST_FREE_BYTES = 64 << 20
# How long what a check wrote stays there.
_WRITTEN_SECONDS = 60
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
        "redis": Part(check_redis if redis.is_on() else check_broker),
        "elasticsearch": Part(check_log_store, is_needed=not (answers_api or has_journal)),
    }
    if has_journal:
        asked["journal"] = Part(check_journal, is_needed=takes_logs)
        asked["shipper"] = Part(check_shipper, is_essential=False)
    asked["worker"] = Part(check_worker, is_essential=False)
    asked["beat"] = Part(check_beat, is_essential=False)
    return asked


def check_database() -> Report:
    """Users and settings."""
    try:
        # Before the check itself is given up.
        ping_database(settings.HEALTH_CHECK_TIMEOUT * 0.9)
    except DatabaseError as error:
        log.warning("database_unreachable", error=str(error))
        # Where it was looked for is nobody's business who asks for our health.
        raise Unavailable("the database does not answer") from error
    return Report(Status.UP, {"type": database_kind()})


def check_redis() -> Report:
    """Limits, queues, the cache. One that throws keys away would throw away these; one that is full,
    cannot save, or is a replica by now still answers questions."""
    facts: dict[str, object] = {"type": "redis"}
    with redis.answering():
        memory = redis.client().info("memory")
        try:
            redis.client().set(redis.key_of("health"), "", ex=_WRITTEN_SECONDS)
        except redis.ResponseError as error:
            log.warning("redis_refuses_writes", error=str(error))
            return Report(Status.DOWN, {**facts, "detail": "it refuses to be written to"})
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        facts["detail"] = f"maxmemory-policy is {policy}, it has to be noeviction"
        return Report(Status.DEGRADED, facts)
    return Report(Status.UP, facts)


def check_broker() -> Report:
    """The embedded broker is a directory that jobs are written to."""
    directory = Path(settings.BROKER_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=directory, prefix=".health-")
    os.close(handle)
    Path(name).unlink()
    apart = processes_counting_apart()
    if not apart:
        return Report(Status.UP, {"type": "embedded"})
    detail = f"{apart} processes count limits and quotas each for itself: set REDIS_HOST"
    return Report(Status.DEGRADED, {"type": "embedded", "detail": detail})


def check_log_store() -> Report:
    """Where searches look."""
    health = log_search().health()
    facts: dict[str, object] = {"type": health.type}
    if health.cluster_status:
        facts["cluster_status"] = health.cluster_status
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
    free_bytes = free_bytes_beside(Path(settings.JOURNAL_DIR))
    if free_bytes < LEAST_FREE_BYTES:
        facts["detail"] = f"its disk has {free_bytes} bytes left"
    trouble = state.is_full or state.damaged or free_bytes < LEAST_FREE_BYTES
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
    refused = len(read_refused(Path(settings.JOURNAL_DIR)))
    if refused:
        facts["refused_organisations"] = refused
    status = read_status(Path(settings.JOURNAL_DIR))
    if status is None:
        return Report(Status.DOWN, {**facts, "detail": "it has not run yet"})
    if status.state == "stopped" or status.silent_seconds(now_ns) > SHIPPER_SILENT_SECONDS:
        return Report(Status.DOWN, {**facts, "detail": "it does not run"})
    if status.state != "running":
        is_told = status.state in {HOLDING_BACK, ISOLATING} and status.last_error
        why = f": {status.last_error}" if is_told else ""
        return Report(Status.DEGRADED, {**facts, "detail": f"it is {status.state}{why}"})
    return Report(Status.UP, facts)


def check_worker() -> Report:
    """Whether a worker runs and carries jobs out. Searches and intake go on without."""
    silent = silent_seconds()
    down = _silence(silent, Pulse.WORKER, "no worker runs")
    if down is not None:
        return down
    job_seconds = silent.get(Pulse.JOB, float("inf"))
    # Without beat there is nothing to carry out.
    beats = silent.get(Pulse.BEAT, float("inf")) <= PULSE_SILENT_SECONDS
    if beats and job_seconds > JOB_SILENT_SECONDS:
        since = "yet" if job_seconds == float("inf") else f"for {job_seconds:.0f} s"
        return Report(
            Status.DEGRADED, {"detail": f"a worker runs, but has carried out no job {since}"}
        )
    return Report(Status.UP)


def check_beat() -> Report:
    """Whether beat says what is to be done."""
    return _silence(silent_seconds(), Pulse.BEAT, "beat does not run") or Report(Status.UP)


def _silence(silent: Mapping[Pulse, float], pulse: Pulse, sentence: str) -> Report | None:
    seconds = silent.get(pulse)
    if seconds is None:
        return Report(Status.DOWN, {"detail": f"{sentence}: nothing was heard of it yet"})
    if seconds > PULSE_SILENT_SECONDS:
        return Report(Status.DOWN, {"detail": f"{sentence}: nothing for {seconds:.0f} s"})
    return None
