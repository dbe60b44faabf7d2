"""Secrets that are made once, on the first start, and kept under DATA_DIR with mode 600."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.core.durable_files import new_file

_KEY_BITS = 2048
_PUBLIC_EXPONENT = 65_537


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`; made there first if there is none.

    Several processes may start at once: one of them wins, and all of them return its secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError), new_file(path) as file:
            file.write(f"{make()}\n".encode("ascii"))
    return path.read_text(encoding="ascii").strip()


def new_secret_key() -> str:
    """Django's SECRET_KEY."""
    return secrets.token_urlsafe(48)


def new_rsa_key() -> str:
    """A private key for RS256, as PEM."""
    key = rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=_KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")
