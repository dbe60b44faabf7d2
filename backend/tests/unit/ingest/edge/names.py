"""Declared names in a dictionary: the double at the boundary to the config database."""

from __future__ import annotations

from app.core.ids import OrgId
from app.core.scope import Scope
from app.ingest.edge.elastic.declared import Declared, Kind


class RememberedNames:
    """`DeclaredNames` without a limit."""

    def __init__(self) -> None:
        self._known: dict[tuple[OrgId, Kind], dict[str, Declared]] = {}

    def put(self, scope: Scope, kind: Kind, one: Declared) -> None:
        self._known.setdefault((scope.org_id, kind), {})[one.name] = one

    def names_of(self, scope: Scope, kind: Kind) -> list[Declared]:
        return sorted(self._known.get((scope.org_id, kind), {}).values(), key=lambda one: one.name)

    def delete(self, scope: Scope, kind: Kind, name: str) -> bool:
        return self._known.get((scope.org_id, kind), {}).pop(name, None) is not None
