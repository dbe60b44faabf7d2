"""What people do with their accounts and keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Q

from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import run_atomic
from app.core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from app.core.scope import Actor, ActorKind, Scope
from app.users.credentials import SHOWN_PREFIX_LENGTH, hash_of_key, new_api_key
from app.users.login_throttle import begin_attempt, forget_failures
from app.users.models import ApiKey, RefreshToken, User
from app.users.organisations import found_organisation
from app.users.roles import permissions_of_role, permissions_of_scopes
from app.users.selectors import (
    ApiKeyFacts,
    Member,
    Profile,
    facts_of,
    get_profile,
    memberships_of,
)

MAX_API_KEYS = 1_000

# A key's last use is written at most this often: a search must not cost a write.
_LAST_USED_STEP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody fills in to get an account. Without an organisation's name it is theirs."""

    username: str
    email: str
    password: str
    first_name: str = ""
    last_name: str = ""
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class ApiKeyDraft:
    """What an API key shall be."""

    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None


def register(draft: Registration) -> tuple[Profile, Member]:
    """A new account, and the organisation that it owns."""
    _check_identity(username=draft.username, email=draft.email, but=None)
    _check_password(
        draft.password,
        User(
            username=draft.username,
            email=draft.email,
            first_name=draft.first_name,
            last_name=draft.last_name,
        ),
        field="password",
    )

    def work() -> tuple[UUID, Member]:
        user = User.objects.create_user(
            draft.username,
            draft.email,
            draft.password,
            first_name=draft.first_name,
            last_name=draft.last_name,
        )
        member = found_organisation(name=draft.organisation or draft.username, owner_id=user.id)
        record(
            scope_of_member(user.id, member),
            action="organisation_created",
            subject=("organisation", member.org_id),
            after={"slug": member.slug, "name": member.name},
        )
        return user.id, member

    try:
        user_id, member = run_atomic(work)
    except IntegrityError:
        # Somebody else took a name between the check and the insert: say which, unless it was the
        # organisation's, which then gets another one.
        _check_identity(username=draft.username, email=draft.email, but=None)
        user_id, member = run_atomic(work)
    return get_profile(user_id), member


def update_profile(user_id: UUID, *, changes: Mapping[str, str]) -> Profile:
    """Changes `username`, `email`, `first_name`, `last_name`, those that are given."""
    before = get_profile(user_id)
    username = changes.get("username", before.username)
    email = changes.get("email", before.email).lower()
    _check_identity(username=username, email=email, but=user_id)
    shown = [name for name in ("username", "email", "first_name", "last_name") if name in changes]
    # Of what was not sent somebody else may just have changed something.
    columns = {name: changes[name] for name in shown}
    if "username" in changes:
        columns["login_name"] = username.lower()
    if "email" in changes:
        columns["email"] = email

    def work() -> None:
        User.objects.filter(pk=user_id).update(**columns)
        _record_of_person(
            user_id,
            action="profile_changed",
            before={name: getattr(before, name) for name in shown},
            after={name: columns[name] for name in shown},
        )

    if not columns:
        return before
    try:
        run_atomic(work)
    except IntegrityError:
        _check_identity(username=username, email=email, but=user_id)
        raise
    return get_profile(user_id)


def change_password(user_id: UUID, *, session: UUID, old: str, new: str) -> None:
    """Sets another password and ends all sessions but this one."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("there is no such user")
    # Whoever found somebody's token must not find out the password too.
    begin_attempt(str(user_id))
    if not user.check_password(old):
        raise _wrong("old_password", "password_incorrect", "the old password is not right")
    forget_failures(str(user_id))
    _check_password(new, user, field="new_password")
    known_hash = user.password
    user.set_password(new)

    def work() -> None:
        # Compare-and-set: of two changes at once the second was made with a password that no
        # longer holds.
        won = User.objects.filter(pk=user_id, password=known_hash).update(password=user.password)
        if won != 1:
            raise _wrong("old_password", "password_incorrect", "the old password is not right")
        RefreshToken.objects.filter(user_id=user_id, is_revoked=False).exclude(
            family=session
        ).update(is_revoked=True)
        _record_of_person(user_id, action="password_changed")

    run_atomic(work)


def create_api_key(scope: Scope, *, draft: ApiKeyDraft) -> tuple[ApiKeyFacts, str]:
    """A new key, and the key itself, which is shown this once."""
    if draft.expires_at is not None and draft.expires_at <= utc_now():
        raise _wrong("expires_at", "in_the_past", "the key would have expired already")
    if not permissions_of_scopes(draft.scopes) <= scope.permissions:
        raise Forbidden("a key cannot do more than the one who makes it")
    key = new_api_key()

    def work() -> ApiKey:
        if ApiKey.objects.for_scope(scope).count() >= MAX_API_KEYS:
            raise Conflict(
                f"an organisation has at most {MAX_API_KEYS} API keys", code="too_many_api_keys"
            )
        by_user = scope.actor.kind is ActorKind.USER
        row = ApiKey.objects.create_for(
            scope,
            name=draft.name,
            prefix=key[:SHOWN_PREFIX_LENGTH],
            key_hash=hash_of_key(key),
            scopes=list(draft.scopes),
            expires_at=draft.expires_at,
            created_by_id=UUID(scope.actor.id) if by_user else None,
        )
        record(scope, action="api_key_created", subject=("api_key", row.id), after=_shown(row))
        return row

    return facts_of(run_atomic(work)), key


def delete_api_key(scope: Scope, *, key_id: UUID) -> None:
    """The key stops working: here at once, in other processes within half a minute."""

    def work() -> None:
        row = ApiKey.objects.for_scope(scope).filter(pk=key_id).first()
        if row is None or not ApiKey.objects.for_scope(scope).filter(pk=key_id).delete()[0]:
            raise NotFound("there is no such API key")
        record(scope, action="api_key_deleted", subject=("api_key", key_id), before=_shown(row))

    run_atomic(work)


def note_api_key_used(scope: Scope, *, key_id: UUID, now: datetime) -> None:
    """Writes that the key was used, now and then."""
    due = Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USED_STEP)
    ApiKey.objects.for_scope(scope).filter(due, pk=key_id).update(last_used_at=now)


def scope_of_member(user_id: UUID, member: Member) -> Scope:
    """The scope of a person in one of their organisations."""
    return Scope(
        member.org_id, Actor(ActorKind.USER, str(user_id)), permissions_of_role(member.role)
    )


def _record_of_person(
    user_id: UUID,
    *,
    action: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """A person's own doing is written down in their default organisation."""
    for member in memberships_of(user_id)[:1]:
        record(
            scope_of_member(user_id, member),
            action=action,
            subject=("user", user_id),
            before=before,
            after=after,
        )


def _shown(row: ApiKey) -> dict[str, Any]:
    return {
        "name": row.name,
        "prefix": row.prefix,
        "scopes": row.scopes,
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
    }


def _check_identity(*, username: str, email: str, but: UUID | None) -> None:
    """Raises `Invalid` for names that cannot be, or belong to somebody else than `but`."""
    errors = []
    # With an @ it could be the address of somebody else, who would then be locked out.
    if "@" in username and username.lower() != email.lower():
        detail = "a user name with '@' must be your own e-mail address"
        errors.append(FieldError("username", "invalid", detail))
    others = User.objects.exclude(pk=but) if but else User.objects.all()
    if others.filter(login_name=username.lower()).exists():
        errors.append(FieldError("username", "taken", "this user name is taken"))
    if others.filter(email=email.lower()).exists():
        errors.append(FieldError("email", "taken", "this e-mail address has an account"))
    if errors:
        raise Invalid("the request has invalid fields", errors=errors)


def _check_password(password: str, user: User, *, field: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            "the password is too weak", errors=_weaknesses(field, error.error_list)
        ) from None


def _weaknesses(field: str, errors: Sequence[ValidationError]) -> list[FieldError]:
    return [
        FieldError(field, error.code or "password_weak", " ".join(error.messages).rstrip("."))
        for error in errors
    ]


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[FieldError(field, code, detail)])
