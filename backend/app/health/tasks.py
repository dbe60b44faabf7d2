"""Background jobs about the service itself."""

from __future__ import annotations

from pathlib import Path

from celery import shared_task
from django.conf import settings

from app.core.clock import SYSTEM_CLOCK
from app.health.heartbeat import note_beat


@shared_task(name="health.beat")
def beat() -> None:
    """Shows that beat sends, the broker carries, and a worker works."""
    note_beat(Path(settings.RUN_DIR), SYSTEM_CLOCK.now_ns())
