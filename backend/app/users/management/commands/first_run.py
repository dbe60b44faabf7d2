"""`manage.py first_run`: on an empty database makes the administrator and tells how to begin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from app.users.first_admin import FirstAdmin, ensure_first_admin

_WELCOME = """
  This is the first start. The two secrets are shown this once:

    administrator   {username}
    password        {password}
    ingest key      {key}

  Send a line:

    curl -H 'Authorization: ApiKey {key}' {url}/api/v1/logs/ -d '{{"message":"hello from the first start","level":"info","service":"curl"}}'

  Sign in and search for it:

    TOKEN=$(curl -s -H 'Content-Type: application/json' \\
      -d '{{"username":"{username}","password":"{password}"}}' \\
      {url}/api/auth/login/ | sed 's/.*"access":"\\([^"]*\\)".*/\\1/')
    curl -H "Authorization: Bearer $TOKEN" '{url}/api/v1/logs/search/?q=hello'

  API: {url}/api/docs/   Admin: {url}/admin/

"""


class Command(BaseCommand):
    """Does nothing and prints nothing when there are users already."""

    help = "Makes the first administrator, organisation and ingest key, and prints them once."
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="for the examples")
        parser.add_argument("--username", default="admin")
        parser.add_argument("--email", default="admin@localhost.localdomain")
        parser.add_argument("--organisation", default="default")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    @override
    def handle(self, *_args: Any, **options: Any) -> None:
        made = ensure_first_admin(
            username=options["username"],
            email=options["email"],
            organisation=options["organisation"],
        )
        if made is None:
            return
        text = _as_json(made) if options["json"] else _as_text(made, options["url"].rstrip("/"))
        self.stdout.write(text)


def _as_json(made: FirstAdmin) -> str:
    return orjson.dumps(asdict(made)).decode()


def _as_text(made: FirstAdmin, url: str) -> str:
    return _WELCOME.format(
        username=made.username, password=made.password, key=made.ingest_key, url=url
    )
