"""The paths of telemetry."""

from __future__ import annotations

from django.urls import path

from app.telemetry import views

urlpatterns = [path("metrics", views.Metrics.as_view())]
