"""At most so many wrong passwords a minute and account.

Counted in the cache, which all web processes share in production; on the embedded default there is
one web process, and its memory is enough.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.conf import settings
from django.core.cache import cache

from app.core.errors import OverLimit

_WINDOW_SECONDS = 60


def check_allowed(account: str, *, now: datetime) -> None:
    """Raises `OverLimit` when the account has had its failures; the first one opens a minute."""
    failures, since = cache.get(_key(account), (0, 0.0))
    left = since + _WINDOW_SECONDS - now.timestamp()
    if failures >= settings.LOGIN_FAILURES_PER_MINUTE and left > 0:
        raise OverLimit(
            "too many failed attempts to sign in",
            code="sign_in_throttled",
            retry_after_seconds=max(1, round(left)),
        )


def note_failure(account: str, *, now: datetime) -> None:
    """Counts a wrong password."""
    failures, since = cache.get(_key(account), (0, 0.0))
    if since + _WINDOW_SECONDS <= now.timestamp():
        failures, since = 0, now.timestamp()
    cache.set(_key(account), (failures + 1, since), timeout=_WINDOW_SECONDS)


def forget_failures(account: str) -> None:
    """The right password ends the count."""
    cache.delete(_key(account))


def _key(account: str) -> str:
    return "sign-in:" + hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()
