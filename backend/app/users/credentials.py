"""What a caller shows: an API key or an access token, in any of the forms that clients send."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from app.core.errors import Unauthenticated

KEY_PREFIX = "elkv_"
SHOWN_PREFIX_LENGTH = len(KEY_PREFIX) + 8

_SECRET_BYTES = 24
_MAX_LENGTH = 8192


@dataclass(frozen=True, slots=True)
class KeyShown:
    """An API key."""

    key: str


@dataclass(frozen=True, slots=True)
class TokenShown:
    """An access token."""

    token: str


Credential = KeyShown | TokenShown


def new_api_key() -> str:
    """A key that nobody can guess; the part that is shown later tells nothing of the rest."""
    return KEY_PREFIX + secrets.token_hex(_SECRET_BYTES)


def hash_of_key(key: str) -> str:
    """What is kept of a key. A plain hash is enough: keys are as random as the hash is long."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find_credential(headers: Mapping[str, str]) -> Credential | None:
    """The credential in the headers; `None` when there is none, `Unauthenticated` when it cannot
    be read."""
    key = headers.get("X-API-Key", "").strip()
    if key:
        return KeyShown(_sane(key))
    scheme, _, text = headers.get("Authorization", "").strip().partition(" ")
    text = _sane(text.strip())
    match scheme.lower():
        case "":
            return None
        case "bearer" if text.startswith(KEY_PREFIX):
            return KeyShown(text)
        case "bearer":
            return TokenShown(text)
        case "apikey" | "basic" | "splunk":
            return KeyShown(_key_of_pair(text))
        case _:
            raise Unauthenticated("this kind of authorization is not known", code="unknown_scheme")


def _sane(text: str) -> str:
    if len(text) > _MAX_LENGTH:
        raise Unauthenticated("the credential is too long")
    return text


def _key_of_pair(text: str) -> str:
    """The key in `base64(anything:key)`, or the key itself."""
    if text.startswith(KEY_PREFIX):
        return text
    try:
        name, _, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise Unauthenticated("the credential cannot be read") from None
    # `curl -u <key>:` puts it before the colon.
    return name if not key and name.startswith(KEY_PREFIX) else key
