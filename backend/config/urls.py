"""Every path that Django answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config.home import Home
from config.openapi import RedocView, SchemaView, SwaggerView

urlpatterns = [
    path("", Home.as_view()),
    path("", include("app.health.urls")),
    path("", include("app.telemetry.urls")),
    path("", include("app.users.urls")),
    path("", include("app.logs.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", SwaggerView.as_view(), name="docs"),
    path("api/redoc/", RedocView.as_view(), name="redoc"),
    path("admin/", admin.site.urls),
]

handler400 = "app.core.exception_handler.answer_400"
handler403 = "app.core.exception_handler.answer_403"
handler404 = "app.core.exception_handler.answer_404"
handler500 = "app.core.exception_handler.answer_500"
