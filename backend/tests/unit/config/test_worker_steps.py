"""What our beat does besides Celery's own."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pytest_django import Settings
from typing_extensions import override

from config.worker_steps import PulsingScheduler

EVERY_SECONDS = 0.05
PATIENCE_SECONDS = 10.0


class Recording(PulsingScheduler):
    """Sends to nobody."""

    producer = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.sent: list[str] = []
        super().__init__(*arguments, **named)

    @override
    def apply_async(self, entry: Any, **_options: Any) -> None:
        self.sent.append(entry.name)


@pytest.fixture
def scheduler(settings: Settings, tmp_path: Path) -> Recording:
    settings.RUN_DIR, settings.REDIS = tmp_path, None
    app = Celery("beats", set_as_current=False)
    app.conf.beat_schedule = {"hint": {"task": "hint", "schedule": EVERY_SECONDS}}
    return Recording(app)


def sends(scheduler: Recording) -> bool:
    """Whether it sends something in time."""
    before = len(scheduler.sent)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(scheduler.sent) == before and time.monotonic() < deadline:
        time.sleep(max(0.0, min(scheduler.tick(), EVERY_SECONDS)))
    return len(scheduler.sent) > before


def test_a_clock_that_was_set_back_does_not_silence_beat(scheduler: Recording) -> None:
    assert sends(scheduler)
    # What it noted lies ahead then.
    scheduler.schedule["hint"].last_run_at += timedelta(hours=1)
    scheduler.populate_heap()
    assert sends(scheduler)
    assert sends(scheduler)
