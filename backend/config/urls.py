"""Every path that Django answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("app.users.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "app.core.exception_handler.answer_400"
handler403 = "app.core.exception_handler.answer_403"
handler404 = "app.core.exception_handler.answer_404"
handler500 = "app.core.exception_handler.answer_500"
