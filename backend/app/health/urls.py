"""The paths of health."""

from __future__ import annotations

from django.urls import path

from app.health import views

urlpatterns = [
    path("health/", views.Health.as_view()),
    path("health/live/", views.Live.as_view()),
    path("health/ready/", views.Ready.as_view()),
]
