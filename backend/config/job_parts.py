"""Who does the background jobs of `make run`."""

from __future__ import annotations

from config.env import Env
from config.redis import BROKER
from config.supervisor import Part

# Nobody waits for background jobs as for the first answer.
WORKER_DELAY_SECONDS = 1.5
WORKER_SHUTDOWN_SECONDS = "4"
_CELERY = ("celery", "--quiet", "-A", "config")
_QUIET = ("--loglevel", "warning")


def job_parts(env: Env) -> tuple[Part, ...]:
    """One worker with beat inside, or where the broker is shared both apart."""
    return _shared_workers() if _has_shared_broker(env) else (_embedded_worker(),)


def _has_shared_broker(env: Env) -> bool:
    default = "filesystem://" if env.find("REDIS_HOST") is None else BROKER
    return not env.text("CELERY_BROKER_URL", default).startswith("filesystem:")


def _embedded_worker() -> Part:
    """One process with threads, and beat among them: nobody else reads the broker's files."""
    return Part(
        "worker",
        (
            *(*_CELERY, "worker", "--pool", "threads", "--concurrency", "2"),
            *(*_QUIET, "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        environment={"EMBEDDED_BEAT": "1"},
        delay_seconds=WORKER_DELAY_SECONDS,
    )


def _shared_workers() -> tuple[Part, ...]:
    """As in production: a worker whose processes can be ended at their time limits, and beat."""
    worker = Part(
        "worker",
        (
            *(*_CELERY, "worker", "--pool", "prefork", "--concurrency", "2"),
            *(*_QUIET, "--without-gossip", "--without-mingle"),
        ),
        # All of the group has to end within ten seconds.
        environment={
            "REMAP_SIGTERM": "SIGQUIT",
            "WORKER_SHUTDOWN_SECONDS": WORKER_SHUTDOWN_SECONDS,
        },
        delay_seconds=WORKER_DELAY_SECONDS,
    )
    beat = Part(
        "beat", (*_CELERY, "beat", *_QUIET, "--pidfile", ""), delay_seconds=WORKER_DELAY_SECONDS
    )
    return worker, beat
