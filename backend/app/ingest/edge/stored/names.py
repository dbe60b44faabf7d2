"""Declared names in the config database."""

from __future__ import annotations

from django.db.models import Count, Sum
from django.db.utils import IntegrityError

from app.core.clock import utc_now
from app.core.db import ask_database
from app.core.errors import OverLimit
from app.core.scope import Scope
from app.ingest.edge.elastic.declared import Declared, DeclaredLimits, Kind
from app.ingest.models import DeclaredName


class StoredNames:
    """`DeclaredNames` that outlive the process. For threads; each call has its own connection."""

    def __init__(self, limits: DeclaredLimits) -> None:
        self._limits = limits

    def put(self, scope: Scope, kind: Kind, one: Declared) -> None:
        """Keeps it in place of an earlier one; `OverLimit` when the organisation has too many."""
        ask_database(lambda: self._put(scope, kind, one))

    def names_of(self, scope: Scope, kind: Kind) -> list[Declared]:
        """Everything of a kind, by name."""
        return ask_database(
            lambda: [
                Declared(row.name, row.body)
                for row in DeclaredName.objects.for_scope(scope).filter(kind=kind).order_by("name")
            ]
        )

    def delete(self, scope: Scope, kind: Kind, name: str) -> bool:
        """Forgets it; whether it was there."""
        return ask_database(
            lambda: bool(
                DeclaredName.objects.for_scope(scope).filter(kind=kind, name=name).delete()[0]
            )
        )

    def _put(self, scope: Scope, kind: Kind, one: Declared) -> None:
        body_bytes = len(one.body.encode())
        self._check_room(scope, kind, one.name, body_bytes)
        values = {"body": one.body, "body_bytes": body_bytes, "changed_at": utc_now()}
        mine = DeclaredName.objects.for_scope(scope).filter(kind=kind, name=one.name)
        if mine.update(**values):
            return
        try:
            DeclaredName.objects.create_for(scope, kind=kind, name=one.name, **values)
        except IntegrityError:
            # Another sender declared the same in between: the later one holds.
            mine.update(**values)

    def _check_room(self, scope: Scope, kind: Kind, name: str, body_bytes: int) -> None:
        others = DeclaredName.objects.for_scope(scope).exclude(kind=kind, name=name)
        held = others.aggregate(names=Count("id"), total=Sum("body_bytes"))
        if held["names"] >= self._limits.names:
            raise OverLimit(
                f"an organisation may declare {self._limits.names} names", code="too_many_names"
            )
        if (held["total"] or 0) + body_bytes > self._limits.total_bytes:
            raise OverLimit(
                f"an organisation's declarations may have {self._limits.total_bytes} bytes",
                code="too_many_names",
            )
