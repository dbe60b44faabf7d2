"""Whose question it is: organisation, actor, permissions. Nothing is fetched without one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import Forbidden
from app.core.ids import OrgId


class Permission(StrEnum):
    """What a role or an API key may do."""

    INGEST = "ingest"
    SEARCH = "search"
    EDIT = "edit"
    ADMIN = "admin"
    OWN = "own"


class ActorKind(StrEnum):
    """Who acts."""

    USER = "user"
    API_KEY = "api_key"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `id` is the user's or key's id as text, or the name of a part of ours."""

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The organisation that a call is confined to, who makes it, and what they may do there."""

    org_id: OrgId
    actor: Actor
    permissions: frozenset[Permission]

    def require(self, permission: Permission) -> None:
        """Raises `Forbidden` unless the permission is there."""
        if permission not in self.permissions:
            raise Forbidden(f"this needs the permission {permission.value!r}")


def system_scope(org_id: OrgId, part: str) -> Scope:
    """The scope in which a part of ours works for an organisation; it may do everything there."""
    return Scope(org_id, Actor(ActorKind.SYSTEM, part), frozenset(Permission))
