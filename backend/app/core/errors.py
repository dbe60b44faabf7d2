"""The one tree of errors.

ElkError
├── Refused            the caller can fix it; nothing happened
│   ├── Invalid        400  what was sent cannot be read or breaks a rule
│   ├── Unauthenticated 401
│   ├── Forbidden      403  known caller, own organisation, right missing
│   ├── NotFound       404  also for everything that belongs to a stranger
│   ├── Conflict       409  somebody else changed it first
│   ├── TooLarge       413  a size limit, named
│   ├── Unsupported    422  a named capability that a store or field lacks
│   └── OverLimit      429  a rate or quota, named; `retry_after_seconds`
├── Unavailable        503  retry may help: a part is down, a time limit passed
│   └── Full           503  the journal or the disk has no room
└── Broken             500  our own bug
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong, and where: `field` names the parameter, `extra` may point into it."""

    field: str
    code: str
    detail: str
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)


class ElkError(Exception):
    """The root. `detail` is for the customer: short, lower case, no final stop, values quoted."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    default_code: ClassVar[str] = "internal_error"
    permanent: ClassVar[bool] = True

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds


class Refused(ElkError):
    """The caller can fix it; nothing happened."""

    status = 400
    title = "Request refused"
    default_code = "refused"


class Invalid(Refused):
    """What was sent cannot be read or breaks a rule."""

    status = 400
    title = "Invalid request"
    default_code = "invalid"


class Unauthenticated(Refused):
    """Nobody, or somebody who cannot prove it."""

    status = 401
    title = "Not signed in"
    default_code = "not_authenticated"


class Forbidden(Refused):
    """A known caller without the right, in its own organisation."""

    status = 403
    title = "Permission denied"
    default_code = "permission_denied"


class NotFound(Refused):
    """It does not exist, or it belongs to somebody else: the two look the same."""

    status = 404
    title = "Not found"
    default_code = "not_found"


class Conflict(Refused):
    """Somebody else changed it first."""

    status = 409
    title = "Conflict"
    default_code = "conflict"


class TooLarge(Refused):
    """A size limit was passed; the detail names it."""

    status = 413
    title = "Too large"
    default_code = "too_large"


class Unsupported(Refused):
    """A named capability that a store or a field lacks: never an approximation instead."""

    status = 422
    title = "Not supported"
    default_code = "unsupported"


class OverLimit(Refused):
    """A rate or quota was passed; the detail names it."""

    status = 429
    title = "Too many requests"
    default_code = "over_limit"
    permanent = False


class Unavailable(ElkError):
    """A part is down or too slow; the same request may work later."""

    status = 503
    title = "Temporarily unavailable"
    default_code = "unavailable"
    permanent = False


class Full(Unavailable):
    """There is no room to keep what was sent; nothing of it was stored."""

    title = "No room"
    default_code = "full"


class Broken(ElkError):
    """Our own bug."""
