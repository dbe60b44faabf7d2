"""Commands of the ingest app."""
