"""What is in the database."""

from __future__ import annotations

from typing import Any

from django_mongodb_backend import introspection as backend
from typing_extensions import override

from app.core.mongodb.errors import translates


class DatabaseIntrospection(backend.DatabaseIntrospection):
    @override
    @translates
    def table_names(self, cursor: Any = None, include_views: bool = False) -> Any:
        return super().table_names(cursor, include_views)

    @override
    @translates
    def get_constraints(self, cursor: Any, table_name: str) -> Any:
        return super().get_constraints(cursor, table_name)
