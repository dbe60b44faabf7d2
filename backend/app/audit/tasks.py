"""Background jobs about the audit."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings

from app.audit.services import forget_entries
from app.core.clock import utc_now
from app.core.due_work import Claim, PeriodicJob, run_if_due

log = structlog.get_logger(__name__)

FORGET_OLD = PeriodicJob(
    "audit.forget_old", every=timedelta(minutes=30), lease=timedelta(minutes=6)
)
# Takes a minute; what is left waits for the next time.
MOST_AT_ONCE = 100_000


@shared_task(name="audit.forget_old")
def forget_old() -> None:
    """Deletes entries that are older than AUDIT_RETENTION_DAYS, when that is due."""
    if not settings.AUDIT_RETENTION_DAYS:
        return
    keeps = timedelta(days=settings.AUDIT_RETENTION_DAYS)

    def work(_claimed: Claim) -> None:
        deleted = forget_entries(before=utc_now() - keeps, most=MOST_AT_ONCE)
        log.info("audit_entries_forgotten", entries=deleted)

    run_if_due(FORGET_OLD, work)
