"""The server's users for us: one that works with our database, one that only reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from app.core.mongodb.errors import translated

WORKS = "readWrite"  # also enough to migrate
READS = "read"


@dataclass(frozen=True, slots=True)
class DatabaseUser:
    """A user of the server, whose role holds in our database alone."""

    name: str
    password: str
    role: str


def ensure_users(
    entry: Mapping[str, Any], *, admin: tuple[str, str], users: list[DatabaseUser]
) -> None:
    """Creates them, or gives those that are there this password and this role and no other.

    `entry` is the database of the settings; its own user may not exist yet.
    """
    options = {**entry["OPTIONS"], "authSource": "admin"}
    port = int(entry["PORT"]) if entry.get("PORT") else None
    with (
        translated(),
        MongoClient(entry["HOST"], port, username=admin[0], password=admin[1], **options) as client,
    ):
        known = client[entry["OPTIONS"].get("authSource", "admin")]
        for user in users:
            there = known.command("usersInfo", user.name)["users"]
            known.command(
                "updateUser" if there else "createUser",
                user.name,
                pwd=user.password,
                roles=[{"role": user.role, "db": entry["NAME"]}],
            )
