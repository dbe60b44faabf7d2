"""Who does the background jobs of `make run`."""

from __future__ import annotations

from app.core.job_programs import SOFT_END, beat, worker_of_processes, worker_of_threads
from config.env import Env
from config.redis import broker_from_env, is_of_files
from config.supervisor import Part

# Nobody waits for background jobs as for the first answer.
WORKER_DELAY_SECONDS = 1.5
WORKER_SHUTDOWN_SECONDS = "4"


def job_parts(env: Env) -> tuple[Part, ...]:
    """One worker with beat inside, or where the broker is shared both apart."""
    if is_of_files(broker_from_env(env)):
        return (_embedded_worker(),)
    return _shared_workers()


def _embedded_worker() -> Part:
    """One process with threads, and beat among them: nobody else reads the broker's files."""
    return Part(
        "worker",
        worker_of_threads(2),
        environment={"EMBEDDED_BEAT": "1"},
        delay_seconds=WORKER_DELAY_SECONDS,
    )


def _shared_workers() -> tuple[Part, ...]:
    """As in production."""
    worker = Part(
        "worker",
        worker_of_processes(2),
        # All of the group has to end within ten seconds.
        environment={**SOFT_END, "WORKER_SHUTDOWN_SECONDS": WORKER_SHUTDOWN_SECONDS},
        delay_seconds=WORKER_DELAY_SECONDS,
    )
    return worker, Part("beat", beat(), delay_seconds=WORKER_DELAY_SECONDS)
