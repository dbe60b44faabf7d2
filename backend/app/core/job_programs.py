"""The programs that do background jobs: Celery's, as a module with its arguments."""

from __future__ import annotations

from collections.abc import Mapping

_CELERY = ("celery", "--quiet", "-A", "config")
_QUIET = ("--loglevel", "warning")

# Of `worker_of_processes`: SIGTERM gives it WORKER_SHUTDOWN_SECONDS for what it is at, and what is
# not done by then goes back to its queue. Celery reads it when it is imported.
SOFT_END: Mapping[str, str] = {"REMAP_SIGTERM": "SIGQUIT"}


def worker_of_processes(processes: int, *, queues: str = "") -> tuple[str, ...]:
    """A worker whose processes can be ended at their time limits; needs a broker that is shared."""
    named = ("--queues", queues) if queues else ()
    return (*_worker("prefork", processes), *named)


def worker_of_threads(threads: int) -> tuple[str, ...]:
    """A worker in one process, for a broker that nobody else reads."""
    return (*_worker("threads", threads), "--without-heartbeat")


def beat() -> tuple[str, ...]:
    """Says when there may be something to do, and keeps its times in memory."""
    return (*_CELERY, "beat", *_QUIET, "--pidfile", "")


def _worker(pool: str, concurrency: int) -> tuple[str, ...]:
    size = ("--pool", pool, "--concurrency", str(concurrency))
    return (*_CELERY, "worker", *size, *_QUIET, "--without-gossip", "--without-mingle")
