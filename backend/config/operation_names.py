"""How operations are called in the OpenAPI document: by their path, so that no two share a name."""

from __future__ import annotations

import re

from drf_spectacular.openapi import AutoSchema
from typing_extensions import override

_PREFIX = re.compile(r"^/(api/)?(v\d+/)?")


class PathNamedSchema(AutoSchema):
    """`GET /api/v1/api-keys/{key_id}/` is `api_keys_by_key_id_get`."""

    @override
    def get_operation_id(self) -> str:
        path = _PREFIX.sub("", self.path)
        words = re.sub(r"\{(\w+)\}", r"by_\1", path)
        name = re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_")
        return f"{name}_{self.method.lower()}"
