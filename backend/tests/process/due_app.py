"""Our Celery app with the jobs of the tests, with ELKV_TICKS a beat that asks for one, and with
ELKV_PULSE_SECONDS signs of life at other times."""

from __future__ import annotations

import os

from config import worker_steps
from config.celery import app

HINT_SECONDS = 0.4

# They need models, which are there once Celery has set Django up.
app.conf.include = ("tests.process.due_jobs",)
if os.environ.get("ELKV_PULSE_SECONDS"):
    worker_steps.PULSE_SECONDS = int(os.environ["ELKV_PULSE_SECONDS"])
if os.environ.get("ELKV_TICKS"):
    app.conf.beat_schedule["tests.tick"] = {
        "task": "tests.tick",
        "schedule": HINT_SECONDS,
        "options": {"expires": HINT_SECONDS * 0.9},
    }
