"""Errors in Elasticsearch's own words."""

from __future__ import annotations

from typing import Any

from app.core.errors import Invalid


class ElasticRefused(Invalid):
    """A request that is refused as a whole, with Elasticsearch's type and reason."""

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(reason, code=error_type)


def invalid_argument(reason: str) -> ElasticRefused:
    """The refusal that Elasticsearch has for most things."""
    return ElasticRefused("illegal_argument_exception", reason)


def error_body(error_type: str, reason: str, status: int) -> dict[str, Any]:
    """The body of a refusal."""
    cause = {"type": error_type, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}
