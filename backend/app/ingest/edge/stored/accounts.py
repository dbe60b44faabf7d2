"""Whose credential is it: asked of the config database, in a thread; the edge remembers."""

from __future__ import annotations

from datetime import datetime

from app.core.clock import utc_now
from app.core.db import ask_database
from app.core.errors import Unauthenticated
from app.core.scope import Actor, ActorKind, Scope
from app.ingest.edge.auth import Admitted, Shown
from app.users.authentication import PersonCaller, scope_of
from app.users.credentials import KeyShown, TokenShown
from app.users.selectors import find_api_key, find_person
from app.users.services import note_api_key_used
from app.users.tokens import read_access


def look_up_sender(shown: Shown) -> Admitted:
    """The scope of a sender. Remembers nothing itself, so that a revoked key is forgotten within
    the one half minute of the edge's cache."""
    return ask_database(lambda: _admitted(shown, utc_now()))


def _admitted(shown: Shown, now: datetime) -> Admitted:
    match shown.credential:
        case KeyShown(key):
            return _admitted_by_key(key, now)
        case TokenShown(token):
            claims = read_access(token)
            person = find_person(claims.session, now)
            if person is None or person.user_id != claims.user_id:
                raise Unauthenticated("the session has ended", code="token_invalid")
            scope = scope_of(PersonCaller(person, claims.session), shown.organisation)
            return Admitted(scope, claims.expires_at)


def _admitted_by_key(key: str, now: datetime) -> Admitted:
    grant = find_api_key(key)
    if grant is None:
        raise Unauthenticated("the API key is not valid", code="key_invalid")
    if grant.expires_at is not None and grant.expires_at <= now:
        raise Unauthenticated("the API key has expired", code="key_expired")
    scope = Scope(grant.org_id, Actor(ActorKind.API_KEY, str(grant.key_id)), grant.permissions)
    note_api_key_used(scope, key_id=grant.key_id, now=now)
    return Admitted(scope, grant.expires_at)
