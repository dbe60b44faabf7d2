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
    ordering: Any

    @override
    def get_pipeline(self) -> list[dict[str, Any]]:
        # {"$addFields": {"x": "$x"}} changes nothing, but in front of $sort it hides the index.
        if self.extra_fields:
            self.extra_fields = {
                name: value for name, value in self.extra_fields.items() if value != f"${name}"
            }
        if self.ordering and not self.lookup_pipeline and self._finds_one_at_most():
            # Django orders what `first` finds. Without a word about it no other index is tempting.
            self.ordering = None
        pipeline: list[dict[str, Any]] = (
            self._sorted_early() if self._can_sort_early() else super().get_pipeline()
        )
        return pipeline

    def _finds_one_at_most(self) -> bool:
        """Whether a unique index is asked for one of its entries."""
        if self.query.combinator or self.query.group_by is not None:
            return False
        given = _given_columns(self.match_mql)
        return any(columns <= given for columns in _unique_columns(self.query.get_meta()))

    def _can_sort_early(self) -> bool:
        """Whether rows are chosen and ordered by columns of their own alone."""
        if not self.ordering or any(
            (
                self.search_pipeline,
                self.subqueries,
                self.aggregation_pipeline,
                self.combinator_pipeline,
                self.subquery_lookup,
                self.extra_fields,
            )
        ):
            return False
        columns = {field.column for field in self.query.get_meta().local_concrete_fields}
        shown = self.project_fields or dict.fromkeys(self.ordering, 1)
        joined = {stage["$lookup"]["as"] for stage in self._joins() if "$lookup" in stage}
        return all(
            name in columns and shown.get(name) == 1 for name in self.ordering
        ) and not _mentions(self.match_mql, joined)

    def _sorted_early(self) -> list[dict[str, Any]]:
        """The backend sorts last, after joins and projections, where no index helps: a list of
        twenty joins every row there is. Which rows a join drops is as before."""
        pipeline: list[dict[str, Any]] = []
        if self.match_mql:
            pipeline.append({"$match": self.match_mql})
        pipeline.append({"$sort": self.ordering})
        pipeline.extend(self._joins())
        if self.query.low_mark > 0:
            pipeline.append({"$skip": self.query.low_mark})
        if self.query.high_mark is not None:
            pipeline.append({"$limit": self.query.high_mark - self.query.low_mark})
        if self.project_fields:
            pipeline.append({"$project": self.project_fields})
        return pipeline

    def _joins(self) -> list[dict[str, Any]]:
        return self.lookup_pipeline or []

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


def _mentions(condition: Any, joined: set[str]) -> bool:
    """Whether a filter may look at a joined row; expressions may look at anything."""
    if not joined:
        return False
    if isinstance(condition, list | tuple):
        return any(_mentions(part, joined) for part in condition)
    if not isinstance(condition, dict):
        return False
    return any(
        name == "$expr"
        or name.split(".", 1)[0] in joined
        or (name.startswith("$") and _mentions(part, joined))
        for name, part in condition.items()
    )


def _given_columns(condition: Any) -> set[str]:
    """The columns that must have one certain value."""
    if not isinstance(condition, dict):
        return set()
    given = {
        name
        for name, part in condition.items()
        if isinstance(part, dict) and part.get("$eq") is not None
    }
    for part in condition.get("$and", ()):
        given |= _given_columns(part)
    return given


def _unique_columns(meta: Any) -> Iterator[set[str]]:
    for field in meta.local_concrete_fields:
        if field.unique:
            yield {field.column}
    for constraint in meta.total_unique_constraints:
        yield {meta.get_field(name).column for name in constraint.fields}
