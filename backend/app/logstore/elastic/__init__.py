"""Elasticsearch behind `LogReader` and `LogWriter`; the only package that speaks to it."""
