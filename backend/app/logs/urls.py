"""Paths of search. Ids and names may hold anything, also slashes and line breaks."""

from __future__ import annotations

from django.urls import path, re_path

from app.logs.api import quarantine_views, tail_views, views

urlpatterns = [
    path("api/v1/logs/search/", views.Search.as_view()),
    path("api/v1/logs/histogram/", views.Histogram.as_view()),
    path("api/v1/logs/aggregate/", views.Aggregate.as_view()),
    path("api/v1/logs/fields/", views.Fields.as_view()),
    path("api/v1/logs/fields/values/", views.FieldValues.as_view()),
    re_path(r"^api/v1/logs/fields/(?P<name>[\s\S]+)/values/\Z", views.NamedFieldValues.as_view()),
    path("api/v1/logs/validate/", views.Validate.as_view()),
    path("api/v1/logs/record/", views.Record.as_view()),
    path("api/v1/logs/tail/", tail_views.LiveTail.as_view()),
    re_path(r"^api/v1/logs/(?P<record_id>[\s\S]+)/context/\Z", views.Context.as_view()),
    re_path(r"^api/v1/logs/(?P<record_id>[\s\S]+)/\Z", views.NamedRecord.as_view()),
    path("api/v1/quarantine/", quarantine_views.Quarantine.as_view()),
    re_path(
        r"^api/v1/quarantine/(?P<entry_id>[\s\S]+)/replay/\Z", quarantine_views.Replay.as_view()
    ),
    re_path(
        r"^api/v1/quarantine/(?P<entry_id>[\s\S]+)/\Z", quarantine_views.QuarantinedEntry.as_view()
    ),
]
