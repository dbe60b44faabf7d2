"""The bases of the admin's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from typing_extensions import override

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin


class ModelPages(_ModelAdmin):
    """Twenty rows a page; rows come into being by the service's own doing.

    A list is narrowed by its filters alone. Django takes any lookup of any column, of which many end
    in an error of its own: years that are none, regular expressions that are not closed.
    """

    list_per_page = 20

    @override
    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup.removesuffix("__exact").removesuffix("__isnull") in self.list_filter

    @override
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().changelist_view(request, extra_context)
        except ValidationError as error:
            # Rows were chosen by ids that are none.
            raise SuspiciousOperation("the list cannot be shown like that") from error

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class ReadOnlyPages(ModelPages):
    """Nothing can be changed or removed either."""

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
