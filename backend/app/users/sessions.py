"""Signing in and staying signed in.

A session is a family of refresh tokens, of which one at a time is good. Spending it makes the next.
A token that is spent twice was stolen once: then the whole family is revoked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db.models import Q

from app.core.db import run_atomic
from app.core.errors import Unauthenticated
from app.core.ids import uuid7
from app.users.login_throttle import begin_attempt, forget_failures
from app.users.models import RefreshToken, User
from app.users.tokens import (
    IssuedRefresh,
    issue_access,
    issue_refresh,
    read_any,
    read_refresh,
)

# Beyond, whoever signs in ends the oldest one.
MAX_SESSIONS = 1_000


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client keeps of its session."""

    access: str
    refresh: str


def sign_in(*, name: str, password: str, now: datetime) -> TokenPair:
    """A new session. `name` is a user name or an e-mail address.

    Unknown names and wrong passwords are answered alike, also in time; too many failures of one
    account are refused for a minute, whatever the password.
    """
    user = _find_user(name)
    account = str(user.id) if user is not None else name.lower()
    begin_attempt(account)
    if user is None:
        make_password(password)  # as slow as checking one
    if user is None or not user.check_password(password) or not user.is_active:
        raise Unauthenticated("user name or password is not right", code="invalid_credentials")
    forget_failures(account)
    session = uuid7()
    user_id = user.id

    def work() -> IssuedRefresh:
        User.objects.filter(pk=user_id).update(last_login=now)
        _make_room(user_id, now)
        return _add_token(user_id, session, now)

    issued = run_atomic(work)
    return TokenPair(issue_access(user_id, session, now), issued.token)


def renew(*, refresh: str, now: datetime) -> TokenPair:
    """The next pair of a session; the token is spent by that."""
    claims = read_refresh(refresh)
    if not User.objects.filter(pk=claims.user_id, is_active=True).exists():
        raise Unauthenticated("the session has ended", code="token_invalid")

    def work() -> IssuedRefresh | None:
        spent = RefreshToken.objects.filter(
            jti=claims.jti, user_id=claims.user_id, is_revoked=False
        ).update(is_revoked=True)
        if spent != 1:
            return None
        # Of those spent before, nothing more is to be known: one that is not there is spent too.
        spent_before = RefreshToken.objects.filter(family=claims.session, is_revoked=True)
        spent_before.exclude(jti=claims.jti).delete()
        return _add_token(claims.user_id, claims.session, now)

    issued = run_atomic(work)
    if issued is None:
        end_session(claims.session)
        raise Unauthenticated("the session has ended", code="token_reused")
    return TokenPair(issue_access(claims.user_id, claims.session, now), issued.token)


def end_session(session: UUID) -> None:
    """Nobody gets another token of this session."""
    RefreshToken.objects.filter(family=session, is_revoked=False).update(is_revoked=True)


def forget_expired_tokens(*, now: datetime) -> int:
    """Deletes every refresh token that nobody can use any more; how many that were."""
    deleted, _ = RefreshToken.objects.filter(expires_at__lte=now).delete()
    return deleted


def session_of(token: str) -> UUID:
    """The session of a token of either kind; `Unauthenticated` for one that is not ours."""
    return read_any(token).session


def _find_user(name: str) -> User | None:
    key = name.lower()
    found = User.objects.filter(login_name=key).first()
    if found is None and "@" in key:
        found = User.objects.filter(email=key).first()
    return found


def _add_token(user_id: UUID, session: UUID, now: datetime) -> IssuedRefresh:
    issued = issue_refresh(user_id, session, now)
    RefreshToken.objects.create(
        user_id=user_id, jti=issued.jti, family=session, expires_at=issued.expires_at
    )
    return issued


def _make_room(user_id: UUID, now: datetime) -> None:
    own = RefreshToken.objects.filter(user_id=user_id)
    # One that is not there is no good either.
    own.filter(Q(expires_at__lte=now) | Q(is_revoked=True)).delete()
    live = own.filter(is_revoked=False).order_by("-id")
    oldest = list(live.values_list("family", flat=True)[MAX_SESSIONS - 1 :])
    own.filter(family__in=oldest).delete()
