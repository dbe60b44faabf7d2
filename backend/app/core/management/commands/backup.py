"""`manage.py backup`: the config database as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from typing_extensions import override

from app.core.backup import write_backup
from app.core.clock import utc_now
from app.core.errors import ElkError


class Command(BaseCommand):
    """People, organisations, keys, streams, the audit: not the logs."""

    help = "Writes the config database to a file that only its owner can read."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, nargs="?", help="default: DATA_DIR/backups/config-<time>.jsonl.zst"
        )

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        now = utc_now()
        path = options["file"]
        if path is None:
            folder = Path(settings.DATA_DIR) / "backups"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / f"config-{now:%Y%m%dT%H%M%S.%fZ}.jsonl.zst"
        try:
            summary = write_backup(path, using=DEFAULT_DB_ALIAS, now=now)
        except ElkError as error:
            raise CommandError(error.detail) from error
        except OSError as error:
            raise CommandError(f"cannot write {str(path)!r}: {error.strerror}") from error
        rows = sum(summary.counts.values())
        self.stdout.write(f"{path}: {rows} rows, digest {summary.digest}")
