"""Our Celery app with the jobs of the tests, and with ELKV_TICKS a beat that asks for one."""

from __future__ import annotations

import os

from config.celery import app

HINT_SECONDS = 0.4

# They need models, which are there once Celery has set Django up.
app.conf.include = ("tests.process.due_jobs",)
if os.environ.get("ELKV_TICKS"):
    app.conf.beat_schedule["tests.tick"] = {
        "task": "tests.tick",
        "schedule": HINT_SECONDS,
        "options": {"expires": HINT_SECONDS * 0.9},
    }
