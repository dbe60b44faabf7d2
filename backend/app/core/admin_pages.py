"""The bases of the admin's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from typing_extensions import override

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin


class ModelPages(_ModelAdmin):
    """Twenty rows a page; rows come into being by the service's own doing."""

    list_per_page = 20

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
