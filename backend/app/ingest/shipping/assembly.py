"""What the settings name for the way from the journal into the store."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from app.ingest.directory import DefaultStreams, StreamDirectory
from app.logstore.interface import Observer


def stream_directory() -> StreamDirectory:
    """The one that `STREAM_DIRECTORY` names (a factory without arguments), or one stream each."""
    path = getattr(settings, "STREAM_DIRECTORY", "")
    if path:
        directory: StreamDirectory = import_string(path)()
        return directory
    return DefaultStreams(settings.RETENTION_DAYS)


def observers() -> list[Observer]:
    """What the factories in `SHIPPER_OBSERVERS` make."""
    return [import_string(path)() for path in getattr(settings, "SHIPPER_OBSERVERS", ())]
