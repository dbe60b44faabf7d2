"""The OpenAPI document, and the pages that show it, without a line of script in the page itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from app.core.endpoints import Stability
from app.core.problem import CONTENT_TYPE
from config.intake_document import intake_paths

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable, `detail` is for people.",
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


class SchemaView(SpectacularAPIView):
    """`/api/schema/`"""

    stability = Stability.STABLE


class SwaggerView(SpectacularSwaggerSplitView):
    """`/api/docs/`"""

    stability = Stability.STABLE


class RedocView(SpectacularRedocView):
    """`/api/redoc/`"""

    stability = Stability.STABLE
    template_name = "config/redoc.html"


def add_intake(result: dict[str, Any], **_arguments: Any) -> dict[str, Any]:
    """Adds what the intake answers, which the generator cannot see."""
    for path, operations in intake_paths().items():
        result["paths"].setdefault(path, {}).update(operations)
    return result


def add_problems(result: dict[str, Any], **_arguments: Any) -> dict[str, Any]:
    """Says of every operation that its errors are problems."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            if method in _METHODS:
                operation["responses"]["default"] = {
                    "description": "An error",
                    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
    return result
