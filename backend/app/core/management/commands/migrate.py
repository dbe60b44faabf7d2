"""`manage.py migrate`: Django's, one at a time however many processes start at once."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate
from typing_extensions import override

from app.core.db import migration_lock

_PAUSE_SECONDS = 0.5


class Command(Migrate):
    """Whoever comes second finds nothing left to do."""

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-seconds", type=float, default=600.0, help="how long to wait for another migrate"
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["lock_seconds"]
        has_said = False
        while True:
            with migration_lock(options["database"]) as is_held:
                if is_held:
                    super().handle(*args, **options)
                    return
            if time.monotonic() > deadline:
                raise CommandError(
                    f"another process has migrated for {options['lock_seconds']:g} s and has not"
                    " ended"
                )
            if not has_said:
                has_said = True
                self.stderr.write("another process migrates: waiting for its end")
            time.sleep(_PAUSE_SECONDS)
