"""Background jobs about logs."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.core.due_work import Claim, PeriodicJob, run_if_due
from app.logstore.registry import keep_up

MAINTAIN_STORE = PeriodicJob(
    "logs.maintain_store", every=timedelta(minutes=5), lease=timedelta(minutes=6)
)


@shared_task(name="logs.maintain_store")
def maintain_store() -> None:
    """Makes the next partitions and deletes the expired ones, also while no shipper runs."""

    def work(_claimed: Claim) -> None:
        keep_up(settings.LOG_STORE, settings.LOG_STORE_LOCATION, SYSTEM_CLOCK.now_ns())

    run_if_due(MAINTAIN_STORE, work)
