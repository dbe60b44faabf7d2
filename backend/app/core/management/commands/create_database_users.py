"""`manage.py create_database_users`: MongoDB's users, with no more rights than they need."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from typing_extensions import override

from app.core.mongodb.users import READS, WORKS, DatabaseUser, ensure_users


class Command(BaseCommand):
    """MONGO_USER may read and write the one database, MONGO_READ_ONLY_USER only read it; the
    administrator's account is used for this and needed for nothing else."""

    help = "Creates or corrects MONGO_USER and MONGO_READ_ONLY_USER, as MONGO_ADMIN_USER."
    requires_system_checks = ()

    @override
    def handle(self, *_args: Any, **_options: Any) -> None:
        entry = settings.DATABASES["default"]
        accounts = entry.get("ACCOUNTS", {})
        if "admin" not in accounts:
            raise CommandError("MONGO_HOST and MONGO_ADMIN_USER must be set")
        users = []
        if entry["USER"]:
            users.append(DatabaseUser(entry["USER"], entry["PASSWORD"], WORKS))
        if "read_only" in accounts:
            name, password = accounts["read_only"]
            users.append(DatabaseUser(name, password, READS))
        if not users:
            raise CommandError("neither MONGO_USER nor MONGO_READ_ONLY_USER is set")
        try:
            ensure_users(entry, admin=accounts["admin"], users=users)
        except DatabaseError as error:
            raise CommandError(str(error)) from error
        for user in users:
            self.stdout.write(f"{user.name}: {user.role} on {entry['NAME']}")
