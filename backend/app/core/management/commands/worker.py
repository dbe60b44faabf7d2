"""`manage.py worker`: carries out background jobs, until told to stop."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from app.core.job_programs import SOFT_END, worker_of_processes


class Command(BaseCommand):
    """Becomes a Celery worker. SIGTERM lets it finish what it is at, for WORKER_SHUTDOWN_SECONDS;
    what is not done by then goes back to its queue."""

    help = "Runs a Celery worker with processes of its own; needs a broker that is shared (Redis)."
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queues", default="", help="alerts,default,bulk: urgent ones first")
        parser.add_argument("--processes", type=int, default=settings.WORKER_PROCESSES)

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        known = settings.JOB_QUEUES
        named = [name.strip() for name in options["queues"].split(",") if name.strip()]
        unknown = [name for name in named if name not in known]
        if unknown:
            raise CommandError(f"--queues: {', '.join(unknown)} is not among {', '.join(known)}")
        if options["processes"] < 1:
            raise CommandError(f"--processes: {options['processes']} is less than 1")
        program = worker_of_processes(options["processes"], queues=",".join(named))
        command = (sys.executable, "-m", *program)
        os.execve(sys.executable, command, {**os.environ, **SOFT_END})  # noqa: S606 — this very Python
