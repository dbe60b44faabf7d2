"""What background jobs do, called as a worker calls them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import QueueNotFound
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from app.audit.tasks import FORGET_OLD
from app.core.clock import utc_now
from app.core.models import DueWork
from app.core.pulses import Pulse, silent_seconds
from app.health.tasks import beat
from app.users.models import RefreshToken
from app.users.sessions import forget_expired_tokens
from app.users.tasks import FORGET_EXPIRED, forget_expired
from config.celery import app
from config.queues import ALERTS, BULK, DEFAULT, QUEUES


def test_only_tokens_that_have_expired_are_forgotten(alice: Any, charlie: Any) -> None:
    later = utc_now() + timedelta(days=1)
    assert RefreshToken.objects.count() == 2
    forget_expired.apply(throw=True)
    assert RefreshToken.objects.count() == 2
    RefreshToken.objects.filter(user_id=charlie.user_id).update(expires_at=later)
    assert forget_expired_tokens(now=later) == 1
    assert RefreshToken.objects.get().user_id == alice.user_id


def test_sessions_of_the_admin_that_have_expired_are_forgotten(db: None) -> None:
    for days in (-1, 1):
        session = SessionStore()
        session.set_expiry(utc_now() + timedelta(days=days))
        session.save()
    forget_expired.apply(throw=True)
    assert Session.objects.get().expire_date > utc_now()


def test_the_beat_leaves_a_sign_of_life(settings: Any, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path
    settings.REDIS = None
    beat.apply(throw=True)
    assert silent_seconds()[Pulse.JOB] < 120


def test_what_is_not_due_yet_is_left_alone_however_often_somebody_asks(alice: Any) -> None:
    forget_expired.apply(throw=True)
    RefreshToken.objects.filter(user_id=alice.user_id).update(expires_at=utc_now())
    forget_expired.apply(throw=True)
    assert RefreshToken.objects.count() == 1
    DueWork.objects.update(claimable_at=utc_now())
    forget_expired.apply(throw=True)
    assert RefreshToken.objects.count() == 0


def test_every_scheduled_job_exists_and_expires_before_the_next_one() -> None:
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] < entry["schedule"]
    assert not app.conf.task_always_eager


def test_every_job_may_take_less_time_than_its_lease_lasts() -> None:
    for job in (FORGET_EXPIRED, FORGET_OLD):
        assert job.lease.total_seconds() > app.conf.task_time_limit


def test_a_job_goes_to_the_queue_of_its_urgency() -> None:
    route = app.amqp.router.route
    queues = {
        name: route({}, name)["queue"].name
        for name in ("alerts.evaluate", "exports.write", "health.beat")
    }
    assert queues == {"alerts.evaluate": ALERTS, "exports.write": BULK, "health.beat": DEFAULT}
    assert tuple(app.amqp.queues) == QUEUES
    with pytest.raises(QueueNotFound):
        route({"queue": "elsewhere"}, "health.beat")
