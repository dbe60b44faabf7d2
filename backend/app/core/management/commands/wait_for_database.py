"""`manage.py wait_for_database`: ends when the config database answers, for start scripts."""

from __future__ import annotations

import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from typing_extensions import override

from app.core.db import ping_database

_PAUSE_SECONDS = 0.5


class Command(BaseCommand):
    """What time will not cure, as a MongoDB that is no replica set, ends it at once."""

    help = "Waits until the config database answers; fails with the reason when it does not."
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=60.0, help="how long; default: 60")

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["seconds"]
        said = None
        while (reason := _why_not()) is not None:
            if time.monotonic() + _PAUSE_SECONDS > deadline:
                raise CommandError(
                    f"the database did not answer within {options['seconds']:g} s: {reason}"
                )
            if reason != said:
                self.stderr.write(f"waiting for the database: {reason}")
                said = reason
            time.sleep(_PAUSE_SECONDS)
        self.stdout.write("the database answers")


def _why_not() -> str | None:
    try:
        ping_database()
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        return str(error)
    return None
