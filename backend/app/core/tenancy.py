"""Models that belong to an organisation, and the manager without which nothing is found."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from typing_extensions import override

from app.core.errors import Broken
from app.core.fields import UUIDModel
from app.core.scope import Scope

M = TypeVar("M", bound="TenantModel", covariant=True)


class TenantManager(models.Manager[M]):
    """Finds nothing without a scope: `all()`, `filter()` and `get()` raise `Broken`."""

    def for_scope(self, scope: Scope) -> models.QuerySet[M]:
        """The rows of the scope's organisation."""
        return super().get_queryset().filter(organisation_id=scope.org_id)

    def create_for(self, scope: Scope, **values: Any) -> M:
        """A new row of the scope's organisation."""
        return super().get_queryset().create(organisation_id=scope.org_id, **values)

    @override
    def get_queryset(self) -> models.QuerySet[M]:
        raise Broken(f"{self.model.__name__} was asked for without a scope")


class OpenTenantManager(TenantManager[M]):
    """Also finds everybody's rows, for what works for all organisations at once. A model that has
    it says for whom."""

    def of_everybody(self) -> models.QuerySet[M]:
        """The rows of all organisations."""
        return models.Manager.get_queryset(self)


class UnscopedManager(models.Manager[M]):
    """Finds everybody's rows: for Django's own doing."""


class TenantModel(UUIDModel):
    """A row of one organisation; gone with it.

    Validation, admin, dumpdata and cascades use `unscoped`, which nothing else may.
    """

    organisation = models.ForeignKey(
        "users.Organisation", on_delete=models.CASCADE, related_name="+", editable=False
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()
    unscoped: ClassVar[UnscopedManager[Self]] = UnscopedManager()

    class Meta:
        abstract = True
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"


def every_row(model: type[models.Model], *, using: str) -> models.QuerySet[Any]:
    """Everybody's rows of a model: for backups, which are of the whole installation."""
    return model._base_manager.using(using)
