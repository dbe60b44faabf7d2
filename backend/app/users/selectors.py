"""Questions about people, organisations and keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.errors import NotFound
from app.core.ids import OrgId
from app.core.pagination import Listing, ListRequest, list_page
from app.core.scope import Permission, Scope
from app.users.credentials import hash_of_key
from app.users.models import ApiKey, Membership, Organisation, RefreshToken, User
from app.users.roles import permissions_of_scopes


@dataclass(frozen=True, slots=True)
class ApiKeyGrant:
    """What an API key stands for."""

    org_id: OrgId
    key_id: UUID
    permissions: frozenset[Permission]
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation as one of its members sees it."""

    org_id: OrgId
    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, and where they belong; the first is their default."""

    user_id: UUID
    memberships: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as they see themselves."""

    id: UUID
    username: str
    email: str
    first_name: str
    last_name: str
    created_at: datetime
    organisations: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class ApiKeyFacts:
    """An API key without the key."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def find_api_key(key: str) -> ApiKeyGrant | None:
    """What the key stands for, also when it has expired; `None` for one that nobody has."""
    row = ApiKey.objects.by_hash(hash_of_key(key)).first()
    if row is None:
        return None
    return ApiKeyGrant(
        org_id=OrgId(row.organisation_id),
        key_id=row.id,
        permissions=permissions_of_scopes(row.scopes),
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def find_person(session: UUID, now: datetime) -> Person | None:
    """Who a session belongs to; `None` when it has ended or its person may not sign in."""
    user_id = (
        RefreshToken.objects.filter(family=session, is_revoked=False, expires_at__gt=now)
        .values_list("user_id", flat=True)
        .first()
    )
    if user_id is None or not User.objects.filter(pk=user_id, is_active=True).exists():
        return None
    return Person(user_id, memberships_of(user_id))


def memberships_of(user_id: UUID) -> tuple[Member, ...]:
    """Where a person belongs, oldest membership first."""
    return tuple(
        Member(OrgId(row.organisation_id), row.organisation.slug, row.organisation.name, row.role)
        for row in Membership.objects.of_user(user_id)
    )


def get_profile(user_id: UUID) -> Profile:
    """The person's own view of themselves."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("there is no such user")
    return Profile(
        id=user.id,
        username=user.username,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        created_at=user.created_at,
        organisations=memberships_of(user_id),
    )


def list_api_keys(scope: Scope, asked: ListRequest) -> Listing[ApiKeyFacts]:
    """The organisation's keys, newest first."""
    return list_page(
        ApiKey.objects.for_scope(scope),
        asked,
        facts_of,
        search_in=("name", "prefix"),
        order_by=("-created_at", "name", "last_used_at"),
    )


def get_api_key(scope: Scope, key_id: UUID) -> ApiKeyFacts:
    """One key of the organisation."""
    row = ApiKey.objects.for_scope(scope).filter(pk=key_id).first()
    if row is None:
        raise NotFound("there is no such API key")
    return facts_of(row)


def facts_of(row: ApiKey) -> ApiKeyFacts:
    """What may be shown of a key."""
    return ApiKeyFacts(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def list_organisation_ids() -> tuple[OrgId, ...]:
    """Every organisation of the installation, for the parts that work for all of them."""
    return tuple(OrgId(pk) for pk in Organisation.objects.values_list("pk", flat=True))


def get_organisation(slug: str) -> OrgId:
    """The organisation with this slug, for operators' commands; `NotFound` without one."""
    found = Organisation.objects.filter(slug=slug.lower()).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(f"there is no organisation {slug!r}")
    return OrgId(found)
