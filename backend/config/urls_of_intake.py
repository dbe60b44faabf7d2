"""What Django answers in a process that only takes logs in: probes and metrics."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("app.health.urls")),
    path("", include("app.telemetry.urls")),
]

handler400 = "app.core.exception_handler.answer_400"
handler403 = "app.core.exception_handler.answer_403"
handler404 = "app.core.exception_handler.answer_404"
handler500 = "app.core.exception_handler.answer_500"
