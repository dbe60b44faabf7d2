"""`manage.py move_logs`: an organisation's records to partitions of its own, or to another store."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm
from typing_extensions import override

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import Conflict, ElkError, Invalid
from app.core.file_lock import file_lock
from app.core.ids import OrgId
from app.core.scope import system_scope
from app.journal.journal import Journal
from app.logs.moves import Mover, Patience, route_of
from app.logstore.elastic.hosts import hosts_of
from app.logstore.moving import BATCH_RECORDS, Stock
from app.logstore.stocks import open_stock
from app.users.selectors import get_organisation, list_organisation_ids

OWN = "own"
ELASTICSEARCH = "elasticsearch"
EMBEDDED = "embedded:"
_LINE_SECONDS = 5.0
# Whoever holds this lock in the journal's directory ships from it.
_SHIPPER_LOCK = "shipper.lock"


class Command(BaseCommand):
    """Started again after whatever cut it off, it goes on. See docs/operations.md."""

    help = (
        "Moves an organisation's records: `--to own` from pools to partitions of its own, or"
        " `--from` one store `--to` another: elasticsearch, or embedded:DIRECTORY."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organisation", nargs="?", help="its short name")
        parser.add_argument("--all", action="store_true", help="all organisations, one by one")
        parser.add_argument("--from", dest="source", help="elasticsearch or embedded:DIRECTORY")
        parser.add_argument("--to", dest="target", required=True, help="own, or as --from")
        parser.add_argument("--batch-records", type=int, default=BATCH_RECORDS)
        parser.add_argument(
            "--offline",
            action="store_true",
            help="no shipper and no web server uses the store: do not wait for them",
        )

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._move(**options)
        except ElkError as error:
            raise CommandError(error.detail) from error

    def _move(self, **options: Any) -> None:
        if not 1 <= options["batch_records"] <= 10_000:
            raise Invalid("--batch-records: between 1 and 10000")
        organisations = _organisations(options["organisation"], is_all=options["all"])
        progress = _Shown(self)
        with ExitStack() as opened:
            run = self._route(opened, options)
            for org_id, slug in organisations:
                mover = Mover(system_scope(org_id, "move_logs"), progress, options["batch_records"])
                moved = run(mover)
                self.stdout.write(f"{slug}: {moved} records moved")

    def _route(self, opened: ExitStack, options: dict[str, Any]) -> Callable[[Mover], int]:
        """What to do with each organisation, with the stores open that it takes."""
        source, target = options["source"], options["target"]
        if target == OWN:
            if source not in (None, ELASTICSEARCH):
                raise Invalid("--to own: inside Elasticsearch only")
            stock = _opened(opened, ELASTICSEARCH)
            patience = Patience.of(settings.PLACES_HELD_SECONDS)
            if options["offline"]:
                patience = Patience(0, 0)
            return lambda mover: mover.to_own(stock, patience, now_ns=SYSTEM_CLOCK.now_ns())
        if source is None:
            raise Invalid("--from: where from?")
        if source == target:
            raise Invalid("--from and --to name one place")
        if source == ELASTICSEARCH:
            _require_shipped(opened, Path(settings.JOURNAL_DIR))
        stocks = _opened(opened, source), _opened(opened, target)
        route = route_of([_short(source), _short(target)])
        return lambda mover: mover.between(route, *stocks)


def _organisations(slug: str | None, *, is_all: bool) -> list[tuple[OrgId, str]]:
    if is_all == (slug is not None):
        raise Invalid("name one organisation, or say --all")
    if slug is None:
        return [(org_id, str(org_id)) for org_id in list_organisation_ids()]
    return [(get_organisation(slug), slug)]


def _opened(opened: ExitStack, text: str) -> Stock:
    if text == ELASTICSEARCH:
        if settings.LOG_STORE != "elastic":
            raise Invalid("ELASTICSEARCH_HOSTS: not set, or LOG_STORE says otherwise")
        return opened.enter_context(closing(open_stock("elastic", settings.LOG_STORE_LOCATION)))
    if not text.startswith(EMBEDDED) or text == EMBEDDED:
        raise Invalid(f"{text!r} is neither {ELASTICSEARCH!r} nor '{EMBEDDED}DIRECTORY'")
    directory = Path(text.removeprefix(EMBEDDED)).expanduser().absolute()
    if not directory.is_dir():
        raise Invalid(f"there is no directory {str(directory)!r}")
    return opened.enter_context(closing(open_stock("embedded", directory)))


def _require_shipped(opened: ExitStack, directory: Path) -> None:
    """What was tried on Elasticsearch must not be tried on another store: it would be there twice."""
    if not directory.is_dir():
        return
    if not opened.enter_context(file_lock(directory / _SHIPPER_LOCK)):
        raise Conflict("a shipper is running: stop intake and shipper first")
    journal = Journal(directory, max_bytes=settings.JOURNAL_MAX_BYTES)
    try:
        waiting = journal.state().entries
    finally:
        journal.close()
    if waiting:
        raise Conflict(f"{waiting} entries of the journal are not shipped: let the shipper finish")


def _short(text: str) -> str:
    """The name of a place, without secrets and of bounded length."""
    if text == ELASTICSEARCH:
        location = hosts_of(settings.LOG_STORE_LOCATION)
        return f"elastic-{_digest(','.join(location.urls))}-{location.prefix[:20]}"
    directory = os.path.realpath(text.removeprefix(EMBEDDED))
    return f"embedded-{_digest(directory)}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class _Shown:
    """A bar on a terminal, lines elsewhere."""

    def __init__(self, command: BaseCommand) -> None:
        self._command = command

    def say(self, text: str) -> None:
        """See `Progress`."""
        self._command.stdout.write(text)
        self._command.stdout.flush()

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """See `Progress`."""
        if sys.stderr.isatty():
            with tqdm(total=total, desc=label, unit=" records", file=sys.stderr) as shown:

                def move_bar(records: int) -> None:
                    shown.update(records)

                yield move_bar
            return
        self.say(f"{label}: {total} records")
        done, told_at = 0, time.monotonic()

        def move_by(records: int) -> None:
            nonlocal done, told_at
            done += records
            if time.monotonic() - told_at >= _LINE_SECONDS:
                told_at = time.monotonic()
                self.say(f"{label}: {done} of {total}")

        yield move_by
