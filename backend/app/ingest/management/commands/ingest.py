"""`manage.py ingest`: processes that take logs in and nothing else, over the journal of this host."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override


class Command(BaseCommand):
    """Becomes gunicorn, so that whoever watches this process watches that one."""

    help = "Takes logs in over HTTP; SIGTERM ends it once running requests are answered."
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--workers", type=int, help="processes; default WEB_CONCURRENCY, else 3"
        )

    @override
    def handle(self, *_args: Any, workers: int | None = None, **_options: Any) -> None:
        os.environ["WEB_PARTS"] = "intake"
        if workers is not None:
            os.environ["WEB_CONCURRENCY"] = str(workers)
        sys.stdout.flush()
        arguments = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn_config"]
        os.execv(sys.executable, arguments)  # noqa: S606 — this very Python, nothing from outside
