"""The API's document as text, the same for the same code."""

from __future__ import annotations

import difflib
from pathlib import Path

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

FILE = Path(__file__).with_name("openapi.yaml")
COMMAND = "make accept-openapi"


def current() -> str:
    """What `/api/schema/` would answer now."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    return OpenApiYamlRenderer().render(document, renderer_context={}).decode()


def difference(agreed: str, now: str) -> str:
    """What changed, line by line; nothing for the same text."""
    return "\n".join(
        difflib.unified_diff(
            agreed.splitlines(), now.splitlines(), "agreed", "now", lineterm="", n=1
        )
    )
