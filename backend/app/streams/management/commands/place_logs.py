"""`manage.py place_logs`: whether an organisation shares partitions, said by the operator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import ElkError, Invalid
from app.core.scope import Scope, system_scope
from app.logstore.places import Assignment
from app.logstore.types import NS_PER_SECOND, RETENTION_CLASSES
from app.streams.selectors import assignments_of
from app.streams.services import next_period_ns, place
from app.users.selectors import get_organisation


class Command(BaseCommand):
    """What holds for a period that has begun is never changed. See docs/operations.md."""

    help = "Says or shows to which pool, or own partitions, an organisation's records go."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organisation", help="its short name")
        parser.add_argument("--pool", help="'own', or a pool: pool0, pool1, …; without it: shows")
        parser.add_argument(
            "--days",
            type=int,
            choices=RETENTION_CLASSES,
            help="of one retention class; without it of all",
        )

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            scope = system_scope(get_organisation(options["organisation"]), "place_logs")
            if options["pool"] is not None:
                days = options["days"]
                self._place(scope, options["pool"], RETENTION_CLASSES if days is None else (days,))
        except ElkError as error:
            raise CommandError(error.detail) from error
        for one in assignments_of(scope):
            self.stdout.write(f"{one.retention_class} days: {one.pool} from {_date(one.from_ns)}")

    def _place(self, scope: Scope, pool: str, classes: tuple[int, ...]) -> None:
        now_ns = SYSTEM_CLOCK.now_ns()
        refused: list[str] = []
        for days in classes:
            from_ns = next_period_ns(days, now_ns)
            said = Assignment(days, from_ns, pool)
            if not place(scope, said, reason="operator", now_ns=now_ns):
                refused.append(f"of {days} days go from {_date(from_ns)} on")
        if refused:
            raise Invalid(f"where records {', '.join(refused)} was said already")


def _date(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS_PER_SECOND, UTC).date().isoformat()
