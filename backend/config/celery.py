"""The Celery application: real workers and a real beat, on whatever broker the settings name.

On the embedded default beat runs inside the one worker, as a thread: `-B` would make it a process
of its own that nobody restarts when it dies, while a worker without its beat ends and comes back.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.beat import EmbeddedService
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging, worker_init, worker_ready
from django.conf import settings
from typing_extensions import override

from config.environments import choose_settings
from config.redis import BROKER, celery_of

choose_settings(os.environ)

log = structlog.get_logger(__name__)

# Schedules live in memory: no file of them is left behind that a crash could break.
SCHEDULER = "celery.beat:Scheduler"
BEAT_WATCH_SECONDS = 5.0
POLL_SECONDS = 0.25

# Celery warns of root because of pickle. We take JSON only, and in a container root is often all
# there is.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("elk_vision")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

IS_EMBEDDED = str(settings.CELERY_BROKER_URL).startswith("filesystem:")
if IS_EMBEDDED:
    # Remote control fans out over files that nobody would read.
    app.conf.worker_enable_remote_control = False
    app.conf.broker_transport_options = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "polling_interval": POLL_SECONDS,
    }

if settings.REDIS is not None and settings.CELERY_BROKER_URL == BROKER:
    app.conf.update(celery_of(settings.REDIS))

# A job that waited longer than its interval is dropped: the next one does its work, and the
# broker's folder cannot grow while no worker runs.
app.conf.beat_schedule = {
    name: {"task": name, "schedule": seconds, "options": {"expires": seconds * 0.9}}
    for name, seconds in {"health.beat": 15.0, "users.forget_expired_tokens": 600.0}.items()
}


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


class BeatInside(bootsteps.StartStopStep):
    """Runs beat in the worker's process while EMBEDDED_BEAT is set; ends the worker if beat ends."""

    label = "Beat inside"
    conditional = True

    def __init__(self, parent: Any, **arguments: Any) -> None:
        self.enabled = os.environ.get("EMBEDDED_BEAT") == "1"
        self._service: Any = None
        self._stopping = threading.Event()
        super().__init__(parent, **arguments)

    @override
    def start(self, parent: Any) -> None:
        self._service = EmbeddedService(parent.app, thread=True, scheduler_cls=SCHEDULER)
        self._service.daemon = True
        self._service.start()
        threading.Thread(
            target=_watch, args=(self._service.is_alive, self._stopping), daemon=True
        ).start()

    @override
    def stop(self, _parent: Any) -> None:
        self._stopping.set()
        if self._service is not None:
            self._service.stop()


app.steps["worker"].add(BeatInside)


def _watch(is_alive: Callable[[], bool], stopping: threading.Event) -> None:
    while not stopping.wait(BEAT_WATCH_SECONDS):
        if not is_alive():
            os.kill(os.getpid(), signal.SIGTERM)
            return
