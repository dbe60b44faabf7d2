"""Background jobs about where records go."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.core.due_work import Claim, PeriodicJob, run_if_due
from app.core.scope import system_scope
from app.logstore.stocks import open_scales
from app.streams.selectors import organisations_that_moved
from app.streams.services import forget_expired_moves, place_by_size

log = structlog.get_logger(__name__)

PLACE_BY_SIZE = PeriodicJob(
    "streams.place_by_size", every=timedelta(minutes=15), lease=timedelta(minutes=6)
)


@shared_task(name="streams.place_by_size")
def place_records() -> None:
    """Gives organisations that bring much partitions of their own from the next period on, and
    forgets moves of what has expired, when that is due."""

    def work(_claimed: Claim) -> None:
        now_ns = SYSTEM_CLOCK.now_ns()
        with closing(open_scales(settings.LOG_STORE, settings.LOG_STORE_LOCATION)) as scales:
            for decision in place_by_size(scales, now_ns=now_ns):
                log.info(
                    "records_placed",
                    org_id=str(decision.org_id),
                    retention_class=decision.assignment.retention_class,
                    pool=decision.assignment.pool,
                    reason=decision.reason,
                )
        for org_id in organisations_that_moved():
            forget_expired_moves(system_scope(org_id, "placement"), now_ns=now_ns)

    run_if_due(PLACE_BY_SIZE, work)
