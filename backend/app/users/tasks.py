"""Background jobs about people."""

from __future__ import annotations

import structlog
from celery import shared_task

from app.core.clock import utc_now
from app.users.sessions import forget_expired_tokens

log = structlog.get_logger(__name__)


@shared_task(name="users.forget_expired_tokens")
def forget_expired() -> None:
    """Deletes refresh tokens that have expired."""
    log.info("expired_tokens_forgotten", tokens=forget_expired_tokens(now=utc_now()))
