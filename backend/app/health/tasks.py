"""Background jobs about the service itself."""

from __future__ import annotations

from celery import shared_task

from app.core.pulses import Pulse, note_pulse


@shared_task(name="health.beat")
def beat() -> None:
    """Shows that beat sends, the broker carries, and a worker works."""
    note_pulse(Pulse.JOB)
