"""Queries that can use an index, and errors that Django knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django_mongodb_backend import compiler as backend
from django_mongodb_backend.query import MongoQuery as BackendQuery
from typing_extensions import override

from app.core.mongodb.errors import translated, translates


class MongoQuery(BackendQuery):
    extra_fields: dict[str, Any] | None

    @override
    def get_pipeline(self) -> list[dict[str, Any]]:
        # {"$addFields": {"x": "$x"}} changes nothing, but in front of $sort it hides the index.
        if self.extra_fields:
            self.extra_fields = {
                name: value for name, value in self.extra_fields.items() if value != f"${name}"
            }
        pipeline: list[dict[str, Any]] = super().get_pipeline()
        return pipeline

    @override
    @translates
    def get_cursor(self) -> Any:
        return super().get_cursor()

    @override
    @translates
    def delete(self) -> Any:
        return super().delete()


class _Translating:
    """What all compilers share."""

    query_class = MongoQuery

    def cursor_iter(self, cursor: Any, chunk_size: int, columns: Any) -> Iterator[Any]:
        # What fails between two batches of rows is the driver's own error in the backend.
        rows = super().cursor_iter(cursor, chunk_size, columns)  # type: ignore[misc]
        while True:
            with translated():
                chunk = next(rows, None)
            if chunk is None:
                return
            yield chunk


class SQLCompiler(_Translating, backend.SQLCompiler):
    pass


class SQLInsertCompiler(_Translating, backend.SQLInsertCompiler):
    @override
    @translates
    def insert(self, docs: Any, returning_fields: Any = None) -> Any:
        return super().insert(docs, returning_fields=returning_fields)


class SQLDeleteCompiler(_Translating, backend.SQLDeleteCompiler):
    pass


class SQLUpdateCompiler(_Translating, backend.SQLUpdateCompiler):
    @override
    @translates
    def update(self, criteria: Any, pipeline: Any) -> Any:
        return super().update(criteria, pipeline)


class SQLAggregateCompiler(_Translating, backend.SQLAggregateCompiler):
    @override
    def _make_result(self, result: dict[str, Any], columns: Any = None) -> list[Any]:
        # The backend raises KeyError when the inner query (distinct, sliced) found no row.
        return [result.get(name) for name in self.query.annotation_select]
