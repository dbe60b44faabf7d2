"""How values become parts of a query."""

from __future__ import annotations

from django_mongodb_backend import operations as backend
from typing_extensions import override


class DatabaseOperations(backend.DatabaseOperations):
    compiler_module = "app.core.mongodb.compiler"

    @override
    def prep_for_iexact_query(self, x: str) -> str:
        # The backend leaves the value unescaped, and so lets it be a regular expression.
        return str(self.prep_for_like_query(x))
