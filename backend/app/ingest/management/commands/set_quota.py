"""`manage.py set_quota acme --records-per-second 500 --bytes-per-day 10000000000`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from app.core.errors import NotFound
from app.core.scope import system_scope
from app.ingest.edge.quotas import Quota
from app.ingest.edge.stored.quotas import find_quota, set_quota
from app.users.selectors import get_organisation

# What a column keeps.
_MOST = 2**62


class Command(BaseCommand):
    """Says what is in force, with options after setting it; the intake knows within half a minute."""

    help = "Sets what an organisation may send; 0 means no limit."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organisation", help="its slug")
        parser.add_argument("--records-per-second", type=int)
        parser.add_argument("--bytes-per-day", type=int)
        parser.add_argument("--default", action="store_true", help="as the settings say")

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            org_id = get_organisation(options["organisation"])
        except NotFound as error:
            raise CommandError(error.detail) from error
        scope = system_scope(org_id, "set_quota")
        sent = (options["records_per_second"], options["bytes_per_day"])
        if options["default"]:
            if sent != (None, None):
                raise CommandError("--default leaves nothing to set")
            set_quota(scope, quota=None)
        elif sent != (None, None):
            before = find_quota(scope) or Quota()
            set_quota(
                scope,
                quota=Quota(
                    _checked(sent[0], before.records_per_second),
                    _checked(sent[1], before.bytes_per_day),
                ),
            )
        self.stdout.write(_said(find_quota(scope)))


def _checked(sent: int | None, before: int) -> int:
    if sent is None:
        return before
    if not 0 <= sent <= _MOST:
        raise CommandError(f"{sent} is not a number from 0 to {_MOST}")
    return sent


def _said(quota: Quota | None) -> str:
    if quota is None:
        return "as the settings say"
    records = quota.records_per_second or "any number of"
    size = quota.bytes_per_day or "any number of"
    return f"{records} records a second, {size} bytes a day"
