"""From a credential to a caller, and from a caller to a scope.

What credentials stand for is remembered for half a minute, so that a search costs no look-up. A
change made in this process holds at once, one made in another within that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from typing_extensions import override

from app.core.clock import SYSTEM_CLOCK, utc_now
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.core.expiring_cache import ExpiringCache
from app.core.scope import Actor, ActorKind, Permission, Scope
from app.users.credentials import Credential, KeyShown, TokenShown, find_credential
from app.users.selectors import ApiKeyGrant, Person, find_api_key, find_person
from app.users.services import note_api_key_used, scope_of_member
from app.users.tokens import read_access

_REMEMBERED_SECONDS = 30.0
_REMEMBERED_MOST = 10_000


@dataclass(frozen=True, slots=True)
class PersonCaller:
    """A person with an access token."""

    person: Person
    session: UUID

    is_authenticated = True


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """A machine with an API key."""

    scope: Scope

    is_authenticated = True


Caller = PersonCaller | KeyCaller


def _load_person(session: UUID) -> Person | None:
    return find_person(session, utc_now())


def _load_key(key: str) -> tuple[ApiKeyGrant, Scope] | None:
    grant = find_api_key(key)
    if grant is None:
        return None
    scope = Scope(grant.org_id, Actor(ActorKind.API_KEY, str(grant.key_id)), grant.permissions)
    note_api_key_used(scope, key_id=grant.key_id, now=utc_now())
    return grant, scope


_people: ExpiringCache[UUID, Person | None] = ExpiringCache(
    _load_person, seconds=_REMEMBERED_SECONDS, most=_REMEMBERED_MOST, clock=SYSTEM_CLOCK
)
_keys: ExpiringCache[str, tuple[ApiKeyGrant, Scope] | None] = ExpiringCache(
    _load_key, seconds=_REMEMBERED_SECONDS, most=_REMEMBERED_MOST, clock=SYSTEM_CLOCK
)


def forget_callers() -> None:
    """Sessions, memberships or keys have changed: look them up again."""
    _people.clear()
    _keys.clear()


def identify(credential: Credential, now: datetime) -> Caller:
    """Who shows this; raises `Unauthenticated` when it is no longer, or never was, good."""
    match credential:
        case KeyShown(key):
            known = _keys.get(key)
            if known is None:
                raise Unauthenticated("the API key is not valid", code="key_invalid")
            grant, scope = known
            if grant.expires_at is not None and grant.expires_at <= now:
                raise Unauthenticated("the API key has expired", code="key_expired")
            return KeyCaller(scope)
        case TokenShown(token):
            claims = read_access(token)
            person = _people.get(claims.session)
            if person is None or person.user_id != claims.user_id:
                raise Unauthenticated("the session has ended", code="token_invalid")
            return PersonCaller(person, claims.session)


def scope_of(caller: Caller, organisation: str = "") -> Scope:
    """Where the caller acts: a key in its own organisation, a person in their default one or in
    the `organisation` named by slug or id. Where they do not belong does not exist."""
    match caller:
        case KeyCaller(scope):
            return scope
        case PersonCaller(person):
            wanted = organisation.strip().lower()
            for member in person.memberships:
                if not wanted or wanted in (member.slug, str(member.org_id)):
                    return scope_of_member(person.user_id, member)
            if wanted:
                raise NotFound("there is no such organisation")
            raise Forbidden("you belong to no organisation", code="no_organisation")


def require_person(caller: object) -> PersonCaller:
    """The caller, if it is a person; machines have no profile and no password."""
    if isinstance(caller, PersonCaller):
        return caller
    if isinstance(caller, KeyCaller):
        raise Forbidden("an API key cannot do this, sign in")
    raise Unauthenticated("sign in first")


def require_scope(caller: object, organisation: str, permission: Permission) -> Scope:
    """The scope of a caller who may do what `permission` names."""
    if not isinstance(caller, PersonCaller | KeyCaller):
        raise Unauthenticated("an access token or an API key is needed")
    scope = scope_of(caller, organisation)
    scope.require(permission)
    return scope


class Credentials(BaseAuthentication):
    """Access tokens and API keys, for REST views: `request.user` is the caller."""

    @override
    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        credential = find_credential(request.headers)
        return None if credential is None else (identify(credential, utc_now()), None)

    @override
    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="elk-vision"'
