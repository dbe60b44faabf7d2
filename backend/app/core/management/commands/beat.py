"""`manage.py beat`: says when there may be something to do, until told to stop."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand
from typing_extensions import override

from app.core.job_programs import beat


class Command(BaseCommand):
    """Becomes Celery's beat. Two of them do no harm: they only give hints."""

    help = "Runs Celery's beat, which keeps its times in memory."
    requires_system_checks = ()

    @override
    def handle(self, *_args: Any, **_options: Any) -> None:
        os.execv(sys.executable, (sys.executable, "-m", *beat()))  # noqa: S606 — this very Python
