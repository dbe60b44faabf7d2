"""`manage.py copy_config --from sqlite:////path`: from the embedded default to this database."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError
from typing_extensions import override

from app.core.backup import copy_rows
from app.core.clock import utc_now
from app.core.db import other_sqlite
from app.core.errors import ElkError

_SOURCE = "copied_from"


class Command(BaseCommand):
    """Both databases have to be migrated, and the service that uses the old one stopped: what it
    writes later stays there."""

    help = "Copies the config database of SQLite into the one of the settings, and compares them."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="source", required=True, help="sqlite:////path/db")
        parser.add_argument("--replace", action="store_true", help="delete what is there first")

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        with other_sqlite(_path_of(options["source"]), alias=_SOURCE):
            try:
                summary = copy_rows(
                    source=_SOURCE,
                    target=DEFAULT_DB_ALIAS,
                    is_replacing=options["replace"],
                    now=utc_now(),
                )
            except ElkError as error:
                raise CommandError(error.detail) from error
            except DatabaseError as error:
                raise CommandError(f"cannot be copied: {error}") from error
        for label, count in summary.counts.items():
            self.stdout.write(f"{label}: {count}")
        self.stdout.write(f"copied and compared, digest {summary.digest}")


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path)[1:])
    if parts.scheme != "sqlite" or parts.netloc:
        raise CommandError("--from: only sqlite:///… is read; use backup and restore for others")
    if not path.is_file():
        raise CommandError(f"--from: there is no file {str(path)!r}")
    return path
