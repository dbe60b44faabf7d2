"""Questions to the config database: marks on quarantined entries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.core.scope import Actor, ActorKind, Scope
from app.logs.models import Replay


@dataclass(frozen=True, slots=True)
class ReplayMark:
    """That an entry was sent again: when, by whom, and as which record."""

    at: datetime
    actor: Actor
    record_id: str


def entry_key(entry_id: str) -> str:
    """What stands for an entry in the database: its id may be any text."""
    return hashlib.blake2b(
        entry_id.encode("utf-8", "surrogatepass"), digest_size=16, person=b"elkv-entry"
    ).hexdigest()


def replay_marks(scope: Scope, *, entry_ids: Iterable[str]) -> dict[str, ReplayMark]:
    """The marks of those entries that have one, by the entry's id."""
    keys = {entry_key(entry_id): entry_id for entry_id in entry_ids}
    done = Replay.objects.for_scope(scope).filter(entry_key__in=list(keys), done_at__isnull=False)
    return {keys[replay.entry_key]: mark_of(replay) for replay in done}


def mark_of(replay: Replay) -> ReplayMark:
    """What is told of a mark."""
    actor = Actor(ActorKind(replay.actor_kind), replay.actor_id)
    return ReplayMark(replay.done_at or replay.begun_at, actor, replay.record_id)
