"""NDJSON, JSON arrays, single objects and text lines as records."""
