"""Access and refresh tokens: signed with RS256, verified by anybody with `/.well-known/jwks.json`."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from typing_extensions import override

from app.core.errors import Broken, Unauthenticated
from app.core.ids import uuid7

ISSUER = "elk-vision"
ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=7)

_ALGORITHM = "RS256"
# Clocks of machines agree to a few seconds, and one that was ahead is set back.
_LEEWAY_SECONDS = 10
# A longer one is not ours; refusing it early costs nothing.
_MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says. `session` is the family of refresh tokens of one sign-in."""

    user_id: UUID
    session: UUID
    jti: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedRefresh:
    """A new refresh token and what must be remembered of it."""

    token: str
    jti: str
    expires_at: datetime


class _Backend(TokenBackend):
    """simplejwt's signing and verifying, with the key named, as readers of a JWKS expect."""

    def __init__(self, private: RSAPrivateKey) -> None:
        public = private.public_key()
        super().__init__(_ALGORITHM, issuer=ISSUER, leeway=_LEEWAY_SECONDS)
        # simplejwt would parse the same PEM again.
        self.prepared_signing_key = private
        self.prepared_verifying_key = public
        self.public = public
        der = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.key_id = hashlib.sha256(der).hexdigest()[:16]

    @override
    def encode(self, payload: dict[str, Any]) -> str:
        return jwt.encode(
            {**payload, "iss": ISSUER},
            self.prepared_signing_key,
            algorithm=_ALGORITHM,
            headers={"kid": self.key_id},
        )


@lru_cache(maxsize=2)
def _backend_of(pem: str) -> _Backend:
    private = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, RSAPrivateKey):
        raise Broken("JWT_PRIVATE_KEY is not an RSA key")
    return _Backend(private)


def _backend() -> _Backend:
    return _backend_of(settings.JWT_PRIVATE_KEY)


def issue_access(user_id: UUID, session: UUID, now: datetime) -> str:
    """An access token of a session, good for fifteen minutes."""
    return _sign("access", user_id, session, str(uuid7()), (now, now + ACCESS_LIFETIME))


def issue_refresh(user_id: UUID, session: UUID, now: datetime) -> IssuedRefresh:
    """A refresh token of a session, good for seven days and one use."""
    jti = str(uuid7())
    expires_at = now + REFRESH_LIFETIME
    return IssuedRefresh(
        _sign("refresh", user_id, session, jti, (now, expires_at)), jti, expires_at
    )


def read_access(token: str) -> Claims:
    """The claims of an access token; raises `Unauthenticated` unless it is ours and still good."""
    return _read("access", token)


def read_refresh(token: str) -> Claims:
    """The claims of a refresh token; raises `Unauthenticated` unless it is ours and still good."""
    return _read("refresh", token)


def read_any(token: str) -> Claims:
    """The claims of a token of either kind."""
    return _read(None, token)


def public_jwks() -> dict[str, Any]:
    """The public key as a JSON Web Key Set (RFC 7517)."""
    backend = _backend()
    numbers = backend.public.public_numbers()
    return {
        "keys": [
            {
                "kty": "RSA",
                "use": "sig",
                "alg": _ALGORITHM,
                "kid": backend.key_id,
                "n": _base64url(numbers.n),
                "e": _base64url(numbers.e),
            }
        ]
    }


def _sign(
    kind: str, user_id: UUID, session: UUID, jti: str, period: tuple[datetime, datetime]
) -> str:
    payload = {
        "sub": str(user_id),
        "user_id": str(user_id),
        "sid": str(session),
        "jti": jti,
        "token_type": kind,
        "iat": int(period[0].astimezone(UTC).timestamp()),
        "exp": int(period[1].astimezone(UTC).timestamp()),
    }
    return _backend().encode(payload)


def _read(kind: str | None, token: str) -> Claims:
    if len(token) > _MAX_LENGTH:
        raise Unauthenticated("the token is not valid")
    try:
        payload = _backend().decode(token)  # type: ignore[arg-type]
        expires_at = datetime.fromtimestamp(payload["exp"], UTC)
        claims = Claims(UUID(payload["sub"]), UUID(payload["sid"]), payload["jti"], expires_at)
    except TokenBackendExpiredToken:
        raise Unauthenticated("the token has expired", code="token_expired") from None
    except (TokenBackendError, KeyError, TypeError, ValueError):
        raise Unauthenticated("the token is not valid", code="token_invalid") from None
    if kind is not None and payload["token_type"] != kind:
        raise Unauthenticated(f"a token of the kind {kind!r} is needed", code="token_invalid")
    return claims


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
