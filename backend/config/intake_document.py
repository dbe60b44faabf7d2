"""How the OpenAPI document shows the intake, which is no part of Django."""

from __future__ import annotations

from typing import Any

_BODY = {
    "application/x-ndjson": {
        "schema": {"type": "string"},
        "example": '{"message":"it works","level":"info","service":"shop"}\n',
    },
    "application/json": {
        "schema": {
            "oneOf": [
                {"type": "object"},
                {"type": "array", "items": {"type": "object"}},
            ]
        }
    },
    "text/plain": {"schema": {"type": "string", "description": "A record a line."}},
}
_REPORT = {
    "type": "object",
    "required": ["accepted", "quarantined", "rejected", "errors"],
    "properties": {
        "accepted": {"type": "integer"},
        "quarantined": {"type": "integer"},
        "rejected": {"type": "integer"},
        "indexed": {"type": "boolean", "description": "Only with `wait_for=indexed`."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "outcome": {"type": "string", "enum": ["quarantined", "rejected"]},
                },
            },
        },
    },
}
_SECURITY: list[dict[str, list[str]]] = [{"apiKey": []}, {"apiKeyHeader": []}, {"accessToken": []}]


def intake_paths() -> dict[str, Any]:
    """The operations of the intake."""
    return {
        "/api/v1/logs/": {
            "post": {
                "operationId": "logs_post",
                "description": "Takes records in. They are on disk when this answers.",
                "tags": ["logs"],
                "security": _SECURITY,
                "parameters": [
                    _query("stream", "The stream that the records go to."),
                    _query("wait_for", "`indexed`: answer when the records can be found."),
                    {
                        "name": "Content-Encoding",
                        "in": "header",
                        "schema": {"type": "string", "enum": ["gzip", "deflate", "zstd"]},
                    },
                ],
                "requestBody": {"required": True, "content": _BODY},
                "responses": {
                    "202": {
                        "description": "What became of each record.",
                        "content": {"application/json": {"schema": _REPORT}},
                    }
                },
            }
        },
        "/_bulk": {
            "post": {
                "operationId": "bulk_post",
                "description": "The bulk API of Elasticsearch, for its clients and shippers.",
                "tags": ["elasticsearch"],
                "security": _SECURITY,
                "requestBody": {
                    "required": True,
                    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
                },
                "responses": {
                    "200": {
                        "description": "An item for each action, in their order.",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    }
                },
            }
        },
    }


def _query(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "string"},
    }
