"""The Celery application: real workers and a real beat, on whatever broker the settings name.

On the embedded default beat runs inside the one worker, as a thread: `-B` would make it a process
of its own that nobody restarts when it dies, while a worker without its beat ends and comes back.
With Redis both are commands of their own, `manage.py worker` and `manage.py beat`.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging, worker_init, worker_ready
from django.conf import settings
from kombu import Exchange, Queue

from config.environments import choose_settings
from config.queues import (
    DEFAULT,
    HARD_LIMIT_SECONDS,
    QUEUES,
    ROUTES,
    SOFT_LIMIT_SECONDS,
    schedule,
)
from config.redis import BROKER, celery_of, is_of_files
from config.worker_steps import SCHEDULER, BeatInside, WorkerPulse

choose_settings(os.environ)

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.25

# Celery warns of root because of pickle. We take JSON only, and in a container root is often all
# there is.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("elk_vision")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

IS_EMBEDDED = is_of_files(settings.CELERY_BROKER_URL)
if IS_EMBEDDED:
    app.conf.broker_transport_options = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "polling_interval": POLL_SECONDS,
    }

if settings.REDIS is not None and settings.CELERY_BROKER_URL == BROKER:
    app.conf.update(celery_of(settings.REDIS))

app.conf.update(
    beat_schedule=schedule(settings.LOG_STORE),
    beat_scheduler=SCHEDULER,
    # Nobody uses it here, and whoever reaches the broker could end workers by it.
    worker_enable_remote_control=False,
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    task_default_queue=DEFAULT,
    task_routes=ROUTES,
    # A queue that nobody serves would swallow what is sent to it.
    task_create_missing_queues=False,
    # One job at a time for each process: who is free takes the next, none waits behind a long one.
    worker_prefetch_multiplier=1,
    # A job whose worker was killed is not lost; done twice does no harm, see app.core.due_work.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_soft_time_limit=SOFT_LIMIT_SECONDS,
    task_time_limit=HARD_LIMIT_SECONDS,
    # A job goes on while the broker is away: what it does is in the config database, and its lease
    # keeps others off when the message comes a second time.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # For ever: a broker that comes back is found without a restart.
    broker_connection_max_retries=None,
    # Also one that answered, but refused what it was told.
    broker_channel_error_retry=True,
    # Who publishes from a request is told within seconds that the broker is away.
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
    worker_soft_shutdown_timeout=float(settings.WORKER_SHUTDOWN_SECONDS),
)


@worker_init.connect
def prepare_embedded_broker(**_arguments: Any) -> None:
    """Makes the broker's folders, and removes what a crash in the middle of a write left.

    Queues are declared again on every start; an exchange file cut short would refuse them, and
    a message cut short end the worker.
    """
    if not IS_EMBEDDED:
        return
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for name in ("data_folder_in", "data_folder_out", "control_folder"):
        Path(options[name]).mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in Path(options["control_folder"]).glob("*.exchange"):
        left.unlink()
    for message in Path(options["data_folder_in"]).glob("*.msg"):
        if not _is_whole(message):
            log.warning("cut_message_removed", name=message.name)
            message.unlink()


@worker_ready.connect
def beat_at_once(**_arguments: Any) -> None:
    """Has the first heartbeat carried out now; beat itself begins with a pause."""
    app.send_task("health.beat", expires=60)


def _is_whole(message: Path) -> bool:
    try:
        json.loads(message.read_bytes())
    except ValueError:
        return False
    return True


@setup_logging.connect
def keep_our_logging(**_arguments: Any) -> None:
    """Being connected at all keeps Celery from configuring logging: the settings did.

    Four lines for every job that went well are of use to nobody who did not ask for them.
    """
    if settings.LOG_LEVEL != "DEBUG":
        logging.getLogger("celery").setLevel(logging.WARNING)
        # It warns that the embedded broker has no host name.
        logging.getLogger("kombu.connection").setLevel(logging.ERROR)


app.steps["worker"].update((WorkerPulse, BeatInside))
