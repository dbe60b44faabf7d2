"""Primary keys that are the same on every database: UUIDv7, made by us, column `_id`."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields import AutoField, UUIDField
from typing_extensions import override

from app.core.ids import uuid7


class UUIDModel(models.Model):
    """The base of every model of ours."""

    # The column is MongoDB's own primary key; by another name it would get a second one.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False, db_column="_id")

    class Meta:
        abstract = True


class UUIDAutoField(UUIDField, AutoField):  # type: ignore[type-arg, misc]
    """DEFAULT_AUTO_FIELD for the models of Django's own apps, which name no primary key.

    It is an `AutoField` only because the setting demands one.
    """

    # The application makes the value: nothing has to come back from the INSERT.
    db_returning = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["db_column"] = "_id"
        kwargs["default"] = uuid7
        super().__init__(*args, **kwargs)

    @override
    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_column", None)
        kwargs.pop("default", None)
        return name, path, args, kwargs

    @override
    def get_internal_type(self) -> str:
        return "UUIDField"

    @override
    def rel_db_type(self, connection: Any) -> Any:
        # AutoField would answer with the type of an integer.
        return self.db_type(connection)

    @override
    def get_prep_value(self, value: Any) -> Any:
        # IntegerField would call int().
        return self.to_python(value)

    @override
    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return UUIDField.get_db_prep_value(self, value, connection, prepared)

    def _check_max_length_warning(self) -> list[Any]:
        return []

    # An integer's range does not apply.
    validators = []
