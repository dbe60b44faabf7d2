"""How the OpenAPI document describes callers, lists and errors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from typing_extensions import override

LIST_PARAMETERS = [
    OpenApiParameter("page", int, description="From 1."),
    OpenApiParameter("page_size", int, description="20 unless said otherwise, at most 100."),
    OpenApiParameter("search", str),
    OpenApiParameter("ordering", str, description="A field's name, with `-` for descending."),
]


def paged(item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """A page of a list."""
    return inline_serializer(
        f"{item.__name__}Page",
        {
            "count": serializers.IntegerField(),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": item(many=True),
        },
    )


class CredentialsScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The ways to show a credential."""

    target_class = "app.users.authentication.Credentials"
    name = ["accessToken", "apiKey", "apiKeyHeader"]

    @override
    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`ApiKey <key>`",
            },
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        ]

    @override
    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]
