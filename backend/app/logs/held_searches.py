"""Searches whose words do not fit into a cursor: kept in the config database, a bounded number."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError

from app.core.db import run_atomic
from app.core.scope import Scope
from app.logs.cursor import AskedText
from app.logs.models import HeldSearch

MAX_HELD_SEARCHES = 1_000


def find_held_search(scope: Scope, *, digest: bytes) -> AskedText | None:
    """What was asked by the search with this digest, if it is still held."""
    held = HeldSearch.objects.for_scope(scope).filter(digest=digest.hex()).first()
    return None if held is None else AskedText(held.query, held.stream or None)


def hold_search(scope: Scope, *, asked: AskedText, expires_at: datetime) -> None:
    """Keeps the words at least until then; of too many those that expire first are forgotten."""
    digest = asked.digest().hex()
    mine = HeldSearch.objects.for_scope(scope)
    if mine.filter(digest=digest).update(expires_at=expires_at):
        return
    try:
        run_atomic(
            lambda: HeldSearch.objects.create_for(
                scope,
                digest=digest,
                query=asked.query,
                stream=asked.stream or "",
                expires_at=expires_at,
            )
        )
    except IntegrityError:
        # The same search was held by somebody else just now, for as long.
        return
    newest = mine.order_by("-expires_at", "-id").values_list("pk", flat=True)
    surplus = list(newest[MAX_HELD_SEARCHES : MAX_HELD_SEARCHES + 100])
    if surplus:
        mine.filter(pk__in=surplus).delete()
