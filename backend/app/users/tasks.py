"""Background jobs about people."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from app.core.clock import utc_now
from app.core.due_work import Claim, PeriodicJob, run_if_due
from app.users.sessions import forget_expired_tokens

log = structlog.get_logger(__name__)


FORGET_EXPIRED = PeriodicJob(
    "users.forget_expired_tokens", every=timedelta(minutes=10), lease=timedelta(minutes=6)
)


@shared_task(name="users.forget_expired_tokens")
def forget_expired() -> None:
    """Deletes refresh tokens and sessions of the admin that have expired, when that is due."""

    def work(_claimed: Claim) -> None:
        log.info("expired_tokens_forgotten", tokens=forget_expired_tokens(now=utc_now()))
        SessionStore.clear_expired()

    run_if_due(FORGET_EXPIRED, work)
