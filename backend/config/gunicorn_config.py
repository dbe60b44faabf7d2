"""gunicorn's configuration: `gunicorn -c python:config.gunicorn_config`.

The master loads the settings, so that what cannot be used is said once and nothing starts, but
neither Django nor the app: those are opened after fork, in each worker.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from app.telemetry.structured_logs import configure
from config.addresses import bracketed
from config.env import HIGHEST_PORT, Env, SettingInvalid
from config.environments import choose_settings
from config.gunicorn_worker import CLOSING_SECONDS, OurLogger, WebWorker
from config.serving import KEEP_ALIVE_SECONDS

log = structlog.get_logger(__name__)

# What orchestrators wait for before they kill.
MOST_GRACEFUL_SECONDS = 30


def _graceful_seconds(env: Env) -> int:
    seconds = env.integer("GRACEFUL_TIMEOUT_SECONDS", 28, least=1, most=MOST_GRACEFUL_SECONDS)
    least = settings.SHUTDOWN_DELAY_SECONDS + CLOSING_SECONDS + 1
    if seconds < least:
        raise SettingInvalid(
            f"GRACEFUL_TIMEOUT_SECONDS: {seconds} is less than {least}, which is"
            f" SHUTDOWN_DELAY_SECONDS and {CLOSING_SECONDS + 1} for the requests that run"
        )
    return seconds


env = Env(os.environ)
choose_settings(os.environ)
configure(settings.LOGGING)

wsgi_app = "config.asgi:application"
_port = env.integer("PORT", 8000, most=HIGHEST_PORT)
bind = f"{bracketed(env.text('HOST', '0.0.0.0'))}:{_port}"  # noqa: S104 — in a container
workers = env.integer("WEB_CONCURRENCY", 3, least=1)
worker_class = WebWorker
# A worker whose event loop stands still for so long is killed.
timeout = env.integer("WEB_TIMEOUT_SECONDS", 120, least=1)
graceful_timeout = _graceful_seconds(env)
keepalive = KEEP_ALIVE_SECONDS
backlog = 2048
# Nothing of ours leaks: a worker lives as long as its master.
max_requests = 0
preload_app = False
# A disk that is full or slow must not look like a worker that hangs.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 — gunicorn's own use
logger_class = OurLogger
accesslog = None
control_socket_disable = True
proc_name = "elk-vision"


def on_starting(arbiter: Any) -> None:
    """Before the first worker."""
    import_string("app.telemetry.metrics.forget_former_processes")(Path(settings.METRICS_DIR))
    if arbiter.cfg.workers > 1 and settings.REDIS is None:
        log.warning(
            "limits_counted_apart",
            processes=arbiter.cfg.workers,
            detail="each counts limits and quotas for itself: set REDIS_HOST, or WEB_CONCURRENCY=1",
        )


def post_fork(arbiter: Any, _worker: Any) -> None:
    """In the worker, before it opens anything."""
    import_string("app.core.limits.process.note_processes")(arbiter.cfg.workers)


def child_exit(_arbiter: Any, worker: Any) -> None:
    """A worker has ended, however: its live gauges count no longer."""
    import_string("prometheus_client.multiprocess.mark_process_dead")(worker.pid)
