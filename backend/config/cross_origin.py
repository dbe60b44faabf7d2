"""What pages of other origins may ask of us in a browser: CORS, for the intake and the API alike.

They show a token or a key that they were given; cookies are never theirs to send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from config.env import Env, SettingInvalid

ANY = "*"

_ORIGIN = re.compile(r"https?://[^\s/?#@,*]+", re.ASCII)
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_SENT = (
    "Authorization, Content-Encoding, Content-Type, X-API-Key, X-Organisation, X-Request-ID,"
    " traceparent, tracestate"
)
_READ = "Deprecation, Retry-After, Sunset, X-Elastic-Product, X-Request-ID, X-Truncated-At"
_REMEMBERED_SECONDS = 600

Headers = list[tuple[bytes, bytes]]


def allowed_origins(env: Env) -> list[str]:
    """What CORS_ALLOWED_ORIGINS names: origins as browsers send them, or `*` for all."""
    found = []
    for word in env.words("CORS_ALLOWED_ORIGINS"):
        origin = word.lower()
        if origin != ANY and _ORIGIN.fullmatch(origin) is None:
            raise SettingInvalid(
                f"CORS_ALLOWED_ORIGINS: {word!r} is not an origin such as https://logs.example.com"
            )
        found.append(origin)
    return found


class CrossOrigin:
    """Says it in headers, which browsers keep to."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    def of_answer(self, scope: Mapping[str, Any]) -> Headers:
        """For every answer: who may read it, and that this depends on who asks."""
        if not self._origins:
            return []
        origin = _sent(scope).get(b"origin")
        if not self._allows(origin):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin or b""),
            (b"access-control-expose-headers", _READ.encode("ascii")),
        ]

    def of_question(self, scope: Mapping[str, Any]) -> Headers | None:
        """For a browser that asks before it sends a page's request; `None` where it does not, or
        where nothing is allowed to the page: then the answer is what it would be anyway."""
        if scope["method"] != "OPTIONS":
            return None
        sent = _sent(scope)
        if b"access-control-request-method" not in sent or not self._allows(sent.get(b"origin")):
            return None
        return [
            (b"access-control-allow-methods", _METHODS.encode("ascii")),
            (b"access-control-allow-headers", _SENT.encode("ascii")),
            (b"access-control-max-age", str(_REMEMBERED_SECONDS).encode("ascii")),
        ]

    def _allows(self, origin: bytes | None) -> bool:
        return origin is not None and (origin in self._origins or ANY.encode() in self._origins)


def _sent(scope: Mapping[str, Any]) -> Mapping[bytes, bytes]:
    return dict(scope["headers"])
