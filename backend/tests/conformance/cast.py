"""The named cast: Alice owns Acme, Bob may read there, Charlie is from Globex and sees nothing."""

from __future__ import annotations

from uuid import UUID

from app.core.ids import OrgId
from app.core.scope import Actor, ActorKind, Permission, Scope

ACME = OrgId(UUID("018f3c00-0000-7000-8000-00000000000a"))
GLOBEX = OrgId(UUID("018f3c00-0000-7000-8000-00000000000c"))


def scope_of(org_id: OrgId, name: str, *permissions: Permission) -> Scope:
    """Somebody's scope in an organisation."""
    return Scope(org_id, Actor(ActorKind.USER, name), frozenset(permissions))


ALICE = scope_of(ACME, "alice", Permission.SEARCH, Permission.EDIT, Permission.OWN)
BOB = scope_of(ACME, "bob", Permission.SEARCH)
CHARLIE = scope_of(GLOBEX, "charlie", Permission.SEARCH, Permission.OWN)
