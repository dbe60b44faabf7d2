"""What roles and the scopes of API keys allow."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.scope import Permission

_SEARCH = frozenset({Permission.SEARCH})
_INGEST = frozenset({Permission.INGEST})
_EDIT = _SEARCH | _INGEST | {Permission.EDIT}
_ADMIN = _EDIT | {Permission.ADMIN}

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "owner": _ADMIN | {Permission.OWN},
    "admin": _ADMIN,
    "editor": _EDIT,
    "viewer": _SEARCH,
    "ingest": _INGEST,
}

KEY_SCOPES: dict[str, frozenset[Permission]] = {
    "ingest": _INGEST,
    "search": _SEARCH,
    "admin": _ADMIN,
}


def permissions_of_role(role: str) -> frozenset[Permission]:
    """What a member with this role may do; an unknown role may nothing."""
    return ROLE_PERMISSIONS.get(role, frozenset())


def permissions_of_scopes(scopes: Iterable[str]) -> frozenset[Permission]:
    """What a key with these scopes may do."""
    allowed: frozenset[Permission] = frozenset()
    for scope in scopes:
        allowed |= KEY_SCOPES.get(scope, frozenset())
    return allowed
