"""Indexes that queries can use, and defaults that stay values."""

from __future__ import annotations

from typing import Any

from django_mongodb_backend import schema as backend
from typing_extensions import override

from app.core.mongodb.errors import translated


class DatabaseSchemaEditor(backend.DatabaseSchemaEditor):
    @override
    def add_index(
        self,
        model: Any,
        index: Any,
        *,
        field: Any = None,
        unique: bool = False,
        column_prefix: str = "",
        parent_model: Any = None,
    ) -> None:
        """The backend makes every unique index partial by `$type`, so that NULL may repeat; the
        planner never uses such an index to look up a value. Columns without NULL need no filter,
        and for texts `{$gte: ""}` says the same and follows from any equality."""
        if not unique or column_prefix or parent_model or index.contains_expressions:
            with translated():
                super().add_index(
                    model,
                    index,
                    field=field,
                    unique=unique,
                    column_prefix=column_prefix,
                    parent_model=parent_model,
                )
            return
        fields = [field] if field else [model._meta.get_field(n) for n, _ in index.fields_orders]
        nullable = {column.column for column in fields if column.null}
        made = index.get_pymongo_index_model(model, schema_editor=self, field=field, unique=True)
        partial = made.document.pop("partialFilterExpression", {})
        condition = {
            column: clause
            for column, given in partial.items()
            if (clause := _usable(given, may_be_null=column in nullable))
        }
        if condition:
            made.document["partialFilterExpression"] = condition
        with translated():
            self.get_collection(model._meta.db_table).create_indexes([made])

    @override
    def effective_default(self, field: Any) -> dict[str, Any]:
        # It stands in a pipeline: there an empty object is refused and "$x" is read as a path.
        return {"$literal": super().effective_default(field)}


def _usable(clause: Any, *, may_be_null: bool) -> Any:
    """A column's part of the filter, such that looking a value up implies it."""
    if not isinstance(clause, dict) or "$type" not in clause:
        return clause
    rest = {operator: value for operator, value in clause.items() if operator != "$type"}
    if not may_be_null:
        return rest
    return {**rest, "$gte": ""} if clause["$type"] == "string" else clause
