"""What background jobs do, called as a worker calls them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from app.core.clock import utc_now
from app.health.heartbeat import last_beat_ns
from app.health.tasks import beat
from app.users.models import RefreshToken
from app.users.sessions import forget_expired_tokens
from app.users.tasks import forget_expired
from config.celery import app


def test_only_tokens_that_have_expired_are_forgotten(alice: Any, charlie: Any) -> None:
    later = utc_now() + timedelta(days=1)
    assert RefreshToken.objects.count() == 2
    forget_expired.apply(throw=True)
    assert RefreshToken.objects.count() == 2
    RefreshToken.objects.filter(user_id=charlie.user_id).update(expires_at=later)
    assert forget_expired_tokens(now=later) == 1
    assert RefreshToken.objects.get().user_id == alice.user_id


def test_the_beat_leaves_its_time(settings: Any, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path
    beat.apply(throw=True)
    assert last_beat_ns(tmp_path)


def test_every_scheduled_job_exists_and_expires_before_the_next_one() -> None:
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] < entry["schedule"]
    assert not app.conf.task_always_eager
