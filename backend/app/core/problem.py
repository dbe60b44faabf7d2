"""Errors as RFC 9457 problems: what every protocol of ours shows of an `ElkError`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.core.errors import Broken, ElkError, FieldError, Unauthenticated

CONTENT_TYPE = "application/problem+json"

# What a client should wait when we cannot know better.
_RETRY_AFTER_SECONDS = 5
_STATUSES_TO_RETRY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Problem:
    """An error answer: `code` is stable, `detail` is for people, `headers` go with it."""

    status: int
    title: str
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        """The members of the answer's JSON object."""
        return {
            "type": f"urn:elk-vision:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            "errors": [
                {"field": error.field, "code": error.code, "detail": error.detail, **error.extra}
                for error in self.errors
            ],
        }

    def encode(self, request_id: str) -> bytes:
        """The answer's body."""
        return orjson.dumps(self.body(request_id))


def problem_of(error: ElkError) -> Problem:
    """The problem that an error of ours is answered with.

    Of our own bugs nothing is told: the request id leads to the log line that has it all.
    """
    headers = {}
    if error.status in _STATUSES_TO_RETRY:
        headers["Retry-After"] = str(error.retry_after_seconds or _RETRY_AFTER_SECONDS)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="elk-vision"'
    if isinstance(error, Broken):
        return INTERNAL_ERROR
    return Problem(error.status, error.title, error.code, error.detail, error.errors, headers)


INTERNAL_ERROR = Problem(
    500, Broken.title, Broken.default_code, "something went wrong on our side; quote the request id"
)
