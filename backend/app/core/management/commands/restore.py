"""`manage.py restore`: a backup back into the config database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from typing_extensions import override

from app.core.backup import check_backup, restore_backup
from app.core.errors import ElkError


class Command(BaseCommand):
    """Nothing is written unless the whole file is in order; what was written is read back. Cut off
    at any moment it has changed nothing, or everything."""

    help = "Restores the config database from a backup, SQLite's or MongoDB's alike."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="delete what is there first")
        parser.add_argument("--check", action="store_true", help="only look whether it would fit")
        parser.add_argument(
            "--accept-dangling",
            action="store_true",
            help="also with rows that name others which are not there (MongoDB)",
        )

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        path, accepts = options["file"], options["accept_dangling"]
        try:
            if options["check"]:
                summary = check_backup(path, using=DEFAULT_DB_ALIAS, accepts_dangling=accepts)
            else:
                summary = restore_backup(
                    path,
                    using=DEFAULT_DB_ALIAS,
                    is_replacing=options["replace"],
                    accepts_dangling=accepts,
                )
        except ElkError as error:
            raise CommandError(error.detail) from error
        except OSError as error:
            raise CommandError(f"cannot read {str(path)!r}: {error.strerror}") from error
        for label, count in summary.counts.items():
            self.stdout.write(f"{label}: {count}")
        if not options["check"]:
            self.stdout.write(
                "nobody is signed in any more; API keys, passwords and memberships are those of then"
            )
        done = "in order" if options["check"] else "restored and read back"
        self.stdout.write(f"{done}, digest {summary.digest}")
